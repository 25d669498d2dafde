"""Delivered files, as clients get them."""

from typing import Any

from pydantic import BaseModel

from nas.store.front_store import StoredExport
from nas.store.stores import Stores


class ExportResource(BaseModel):
    """A delivered file.

    Attributes:
        name: Of the network.
        sha256: Of the file.
        card: Why it was delivered, of which architecture, for which target.
        links: Of the file itself and of its bundle.
    """

    id: str
    search: str
    name: str
    format: str
    sha256: str
    card: dict[str, Any]
    links: dict[str, str]


class ExportList(BaseModel):
    """The delivered files of a search, by name."""

    items: tuple[ExportResource, ...]


def export_resource(one: StoredExport, root: str) -> ExportResource:
    """Return a delivered file as clients get it."""
    here = f"{root}/v1/exports/{one.id}"
    return ExportResource(
        id=one.id,
        search=one.job_id,
        name=one.name,
        format=one.format,
        sha256=one.file,
        card=dict(one.card),
        links={"self": here, "file": f"{here}/file", "bundle": f"{here}/bundle"},
    )


def export_list(stores: Stores, tenant: str, job_id: str, root: str) -> ExportList:
    """Return the delivered files of a search."""
    return ExportList(
        items=tuple(export_resource(one, root) for one in stores.fronts.exports(tenant, job_id))
    )

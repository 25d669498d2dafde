"""Lookup tables that travel: exported to a file with their provenance, imported as another device's."""

from pathlib import Path

from rich.text import Text

from api.table_names import find_table, table_name
from latency_predictors.device import host_device
from latency_predictors.shared_table import Provenance, packed, share, unpacked
from nas.export.metadata import hwnas_version
from nas.results import Document
from nas.settings import Settings
from nas.store.stores import opened_stores
from search_spaces.atomic import write_atomically
from search_spaces.errors import MeasurementError, UsageError
from search_spaces.readable import readable


class ExportedTable(Document):
    """A table that was written to a file."""

    file: str
    name: str
    num_layers: int
    provenance: Provenance

    def __rich__(self) -> Text:
        """Say what was written."""
        told = self.provenance
        return Text(
            f"{self.file}: {self.num_layers} layers of {told.device} ({told.context}), "
            f"{len(told.sessions)} sessions; `hwnas tables import` reads it elsewhere"
        )


class ImportedTable(Document):
    """A table that came from another installation.

    Attributes:
        version: Of the table in this installation.
    """

    name: str
    version: int
    num_layers: int
    provenance: Provenance

    def __rich__(self) -> Text:
        """Say what there is now, and what to do with it."""
        told = self.provenance
        by = f" by {told.exported_by}" if told.exported_by else ""
        return Text(
            f"{self.name}: {self.num_layers} layers of {told.device} ({told.context})\n"
            f"exported {told.exported_at[:10]}{by} with {told.tool}; it stands for that device only: "
            f"`hwnas predict --table {self.name[:12]}`"
        )


def export_table(settings: Settings, name: str | None, out: Path, exported_by: str) -> ExportedTable:
    """Write a table to a file, with its provenance and digest.

    Args:
        settings: Where tables are.
        name: As `list_tables` has it, or the start of it; None for this machine's.
        out: The file; it must not be there.
        exported_by: Whoever exports, for whoever reads.

    Raises:
        UsageError: `file_exists`, `no_table`, `unknown_table` or `ambiguous_table`.
        ArtifactError: `damaged_table`, `artifact_missing` or `artifact_damaged`.
        ResourceError: `disk_full`.
    """
    if out.exists():
        raise UsageError("file_exists", f"{out} is there already: choose another file")
    with opened_stores(settings) as stores:
        key = find_table(stores, name)
        table = stores.tables.load(key.device, key.context)
    assert table is not None, "keys are those of tables"
    shared = share(table, exported_by=exported_by, tool=f"hwnas {hwnas_version()}")
    write_atomically(out, packed(shared))
    return ExportedTable(
        file=str(out), name=table_name(key), num_layers=len(table.entries), provenance=shared.provenance
    )


def import_table(settings: Settings, path: Path) -> ImportedTable:
    """Take a table from a file, as the table of the device that it was measured on.

    Raises:
        UsageError: `no_such_file` or `not_readable`.
        ArtifactError: `no_shared_table`, `shared_table_damaged` or `table_exists`; nothing was written.
        MeasurementError: `table_of_this_machine`: what is said of this machine is measured on it.
    """
    with readable(path):
        if not path.is_file():
            raise UsageError(
                "no_such_file", f"there is no file {path}: give one that `hwnas tables export` wrote"
            )
        content = path.read_bytes()
    shared = unpacked(content, path.name)
    table = shared.table
    if table.device.digest == host_device().digest:
        raise MeasurementError(
            "table_of_this_machine",
            f"{path.name} is of a device that cannot be told from this machine ({table.device.label}): "
            "run `hwnas devices profile` to measure this one",
        )
    with opened_stores(settings) as stores:
        told = shared.provenance.model_dump(mode="json")
        version = stores.tables.receive(settings.tenant, table, told)
        key = find_table(stores, f"{table.device.digest[:12]}-{table.context.digest[:12]}")
    return ImportedTable(
        name=table_name(key), version=version, num_layers=len(table.entries), provenance=shared.provenance
    )

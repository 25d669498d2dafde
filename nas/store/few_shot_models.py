"""Models of devices without a table: as profiles have left them, and as searches have fitted them anew."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from pydantic import ValidationError

from latency_predictors.device import Device
from latency_predictors.few_shot import FewShotModel
from nas.results import Document
from nas.specs import ProfileSpec
from nas.store.device_rows import devices_of
from nas.store.session import reading
from nas.store.stores import Stores
from search_spaces.errors import ArtifactError

NAME: Final = "few_shot"
"""Of the document that a profile leaves."""

REFITTED: Final = "few_shot.refitted"
"""Of the document that a search leaves."""


Key = tuple[str, str, str]
"""Digests of a device, a context and a search space."""

_KEYS: Final = 10_000
"""Documents of which it is kept what they are for."""

_MODELS: Final = 256
"""Documents that are kept as they were parsed, with all their networks."""


class StoredFewShot(Document):
    """A model, and what it is for.

    Attributes:
        device: Digest of the device.
        context: Digest of the context.
        space_digest: Of the search space.
        model: With the networks that were measured and its error report.
    """

    device: str
    context: str
    space_digest: str
    model: FewShotModel

    @property
    def key(self) -> Key:
        """What it is for."""
        return self.device, self.context, self.space_digest


class RefittedFewShot(Document):
    """Models that the networks of a search have joined, one a device and context."""

    models: tuple[StoredFewShot, ...]


def latest_few_shot(
    stores: Stores, tenant: str, *, device: str, context: str, space_digest: str
) -> FewShotModel | None:
    """Return the newest model for a device, context and space; None where there is none.

    Raises:
        ArtifactError: `damaged_file`.
    """
    wanted = (device, context, space_digest)
    for left in _left(stores, tenant):
        keys = _keys(left)
        if wanted in keys or not keys:  # what cannot be read may be for it
            found = next((one.model for one in _models(left) if one.key == wanted), None)
            if found is not None:
                return found
    return None


@dataclass(frozen=True)
class KnownFewShot:
    """The newest model of a device, a context and a space.

    Attributes:
        profile: What the profile was asked for that measured its networks; None where this version cannot
            read that.
        device: Facts of the hardware, which may be gone by now; None where this version cannot read them.
    """

    stored: StoredFewShot
    profile: ProfileSpec | None
    device: Device | None


def known_few_shots(stores: Stores, tenant: str) -> tuple[KnownFewShot, ...]:
    """Return the newest model of each device, context and space, the newest of all first.

    What cannot be read is left out: `latest_few_shot` says so where it is asked for. Only documents with a
    model that is the newest are parsed, once in a process: searches leave one each.
    """
    newest: dict[Key, StoredFewShot] = {}
    profiles: dict[Key, ProfileSpec | None] = {}
    for left in _left(stores, tenant):
        keys = _keys(left)
        if not newest.keys() >= set(keys):
            for one in _readable(left):
                newest.setdefault(one.key, one)
        if left.name == NAME and not profiles.keys() >= set(keys):
            profiles.update(dict.fromkeys(keys, _asked(left)))
    with reading(stores.engine) as connection:
        devices = devices_of(connection, {device for device, _, _ in newest})
    return tuple(KnownFewShot(one, profiles.get(key), devices.get(key[0])) for key, one in newest.items())


@dataclass(frozen=True)
class _Left:
    """A document with models, of a job that succeeded: it stays as it is."""

    job_id: str
    name: str
    tenant: str = field(compare=False)
    stores: Stores = field(compare=False)


def _left(stores: Stores, tenant: str) -> Iterator[_Left]:
    """Yield the documents with models that a tenant's jobs have left, the one that was saved last first."""
    for job_id, name in stores.results.having(tenant, [NAME, REFITTED]):
        yield _Left(job_id, name, tenant, stores)


@lru_cache(maxsize=_KEYS)
def _keys(left: _Left) -> tuple[Key, ...]:
    """Return what the models of a document are for, without a look at their networks; () of a damaged one."""
    try:
        document = json.loads(left.stores.results.document(left.tenant, left.job_id, left.name) or "")
        models = document["models"] if left.name == REFITTED else [document]
        return tuple((str(one["device"]), str(one["context"]), str(one["space_digest"])) for one in models)
    except (ValueError, TypeError, KeyError):
        return ()


@lru_cache(maxsize=_MODELS)
def _models(left: _Left) -> tuple[StoredFewShot, ...]:
    stored = left.stores.stored(left.stores.jobs.get(left.tenant, left.job_id))
    if left.name == REFITTED:
        return stored.load(REFITTED, RefittedFewShot).models
    return (stored.load(NAME, StoredFewShot),)


def _readable(left: _Left) -> tuple[StoredFewShot, ...]:
    try:
        return _models(left)
    except ArtifactError:
        return ()


@lru_cache(maxsize=_KEYS)
def _asked(left: _Left) -> ProfileSpec | None:
    job = left.stores.jobs.get(left.tenant, left.job_id)
    try:
        return ProfileSpec.model_validate(job.spec)
    except ValidationError:
        return None

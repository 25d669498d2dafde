"""Models of devices without a table: as profiles have left them, and as searches have fitted them anew."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from latency_predictors.few_shot import FewShotModel
from nas.job_records import Job
from nas.jobs import JobKind, JobState
from nas.results import Document
from nas.specs import ProfileSpec
from nas.store.stores import Stores
from search_spaces.errors import ArtifactError

NAME: Final = "few_shot"
"""Of the document that a profile leaves."""

REFITTED: Final = "few_shot.refitted"
"""Of the document that a search leaves."""


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
    def key(self) -> tuple[str, str, str]:
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
    for job, name in _left(stores, tenant):
        for one in _models(stores, job, name):
            if one.key == wanted:
                return one.model
    return None


@dataclass(frozen=True)
class KnownFewShot:
    """The newest model of a device, a context and a space.

    Attributes:
        profile: What the profile was asked for that measured its networks; None where this version cannot
            read that.
    """

    stored: StoredFewShot
    profile: ProfileSpec | None


def known_few_shots(stores: Stores, tenant: str) -> tuple[KnownFewShot, ...]:
    """Return the newest model of each device, context and space, the newest of all first.

    What cannot be read is left out: `latest_few_shot` says so where it is asked for.
    """
    newest: dict[tuple[str, str, str], StoredFewShot] = {}
    profiles: dict[tuple[str, str, str], ProfileSpec | None] = {}
    for job, name in _left(stores, tenant):
        for one in _readable(stores, job, name):
            newest.setdefault(one.key, one)
            if job.kind is JobKind.PROFILE:
                profiles.setdefault(one.key, _asked(job))
    return tuple(KnownFewShot(one, profiles.get(key)) for key, one in newest.items())


def _left(stores: Stores, tenant: str) -> Iterator[tuple[Job, str]]:
    """Yield the jobs that have ended well and left models, the newest first; and the document's name."""
    for job_id, name in stores.results.having(tenant, [NAME, REFITTED]):
        job = stores.jobs.get(tenant, job_id)
        if job.state is JobState.SUCCEEDED:
            yield job, name


def _models(stores: Stores, job: Job, name: str) -> tuple[StoredFewShot, ...]:
    stored = stores.stored(job)
    if name == REFITTED:
        return stored.load(REFITTED, RefittedFewShot).models
    return (stored.load(NAME, StoredFewShot),)


def _readable(stores: Stores, job: Job, name: str) -> tuple[StoredFewShot, ...]:
    try:
        return _models(stores, job, name)
    except ArtifactError:
        return ()


def _asked(job: Job) -> ProfileSpec | None:
    try:
        return ProfileSpec.model_validate(job.spec)
    except ValidationError:
        return None

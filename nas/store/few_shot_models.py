"""Models of devices without a table: as profiles have left them, and as searches have fitted them anew."""

from typing import Final

from latency_predictors.few_shot import FewShotModel
from nas.job_records import Job
from nas.jobs import JobKind, JobState
from nas.results import Document
from nas.store.pages import MAX_PAGE
from nas.store.stores import Stores

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
    cursor = None
    while True:
        page = stores.jobs.page(
            tenant,
            kinds=[JobKind.PROFILE, JobKind.SEARCH],
            states=[JobState.SUCCEEDED],
            limit=MAX_PAGE,
            cursor=cursor,
        )
        for job in page.jobs:
            found = [one.model for one in _left_by(stores, job) if one.key == wanted]
            if found:
                return found[0]
        if page.cursor is None:
            return None
        cursor = page.cursor


def _left_by(stores: Stores, job: Job) -> tuple[StoredFewShot, ...]:
    stored = stores.stored(job)
    if job.kind is JobKind.SEARCH:
        return stored.load(REFITTED, RefittedFewShot).models if stored.has(REFITTED) else ()
    asked_for = job.spec.get("few_shot") and stored.has(NAME)
    return (stored.load(NAME, StoredFewShot),) if asked_for else ()

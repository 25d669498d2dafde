"""Models of devices without a table, as profiles have left them."""

from typing import Final

from latency_predictors.few_shot import FewShotModel
from nas.jobs import JobKind, JobState
from nas.results import Document
from nas.store.job_store import MAX_PAGE
from nas.store.stores import Stores

NAME: Final = "few_shot"
"""Of the document that a profile leaves."""


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


def latest_few_shot(
    stores: Stores, tenant: str, *, device: str, context: str, space_digest: str
) -> FewShotModel | None:
    """Return the newest model for a device, context and space; None where there is none.

    Raises:
        ArtifactError: `damaged_file`.
    """
    cursor = None
    while True:
        page = stores.jobs.page(
            tenant, kinds=[JobKind.PROFILE], states=[JobState.SUCCEEDED], limit=MAX_PAGE, cursor=cursor
        )
        for job in page.jobs:
            stored = stores.stored(job)
            if not job.spec.get("few_shot") or not stored.has(NAME):
                continue
            found = stored.load(NAME, StoredFewShot)
            if (found.device, found.context, found.space_digest) == (device, context, space_digest):
                return found.model
        if page.cursor is None:
            return None
        cursor = page.cursor

"""Which tasks a device is given now: none that has just failed, and none beside a check of its context."""

from typing import Final

from sqlalchemy import ColumnElement, and_, or_, select

from nas.measurement_tasks import CHECK_RANK
from nas.store.columns import exactly, now_ms
from nas.store.measurement_tables import measurement_tasks
from nas.store.waiting import PENDING

AGAIN_MS: Final = 30_000
"""A task that is pending though it could not be measured is handed out again after so long."""


def pending_on(device: str) -> ColumnElement[bool]:
    """Return the condition under which a task is pending on a device, by its digest."""
    return and_(measurement_tasks.c.device == device, exactly(measurement_tasks.c.state, PENDING))


def due(device: str) -> ColumnElement[bool]:
    """Return the condition under which a task may be handed out to a device now.

    While golden subjects are pending in a context nothing else is due there, also where they have just
    failed: nobody knows what the device is.
    """
    task, check = measurement_tasks.c, measurement_tasks.alias("check_")
    checked = select(check.c.context).where(
        check.c.device == device, check.c.rank == CHECK_RANK, exactly(check.c.state, PENDING)
    )
    rested = or_(task.code == "", task.changed_at_ms <= now_ms() - AGAIN_MS)
    return and_(pending_on(device), rested, or_(task.rank == CHECK_RANK, task.context.not_in(checked)))

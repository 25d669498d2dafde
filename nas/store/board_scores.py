"""What boards answered for images, in the caller's transaction: asked for as tasks, kept once."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, select, update

from latency_predictors.agent_protocol import Score
from nas.measurement_tasks import scoring_protocol
from nas.store.columns import exactly, now_ms
from nas.store.inserts import insert_new
from nas.store.measurement_tables import board_scores, measurement_tasks
from nas.store.waiting import DONE, IN_ORDER, PENDING
from search_spaces.errors import ArtifactError

Answers = Mapping[str, tuple[int, ...]]
"""Classes, one an image, by the digest of the file that named them."""

_KEY: Final = ("device", "context", "subject", "images")


def keep_scores(
    connection: Connection, device: str, context: str, scores: Sequence[Score], worker: str
) -> int:
    """Insert scores that are not there, and end their tasks; return how many are new.

    Raises:
        ArtifactError: `result_conflict` where one is there with other answers.
    """
    rows: list[dict[str, Any]] = [
        {
            "device": device,
            "context": context,
            "subject": one.subject,
            "images": one.images,
            "classes": list(one.classes),
            "worker": worker,
            "delivered_at_ms": now_ms(),
        }
        for one in scores
    ]
    for row in rows:
        there = connection.execute(select(board_scores.c.classes).where(_same(row))).scalar_one_or_none()
        if there is not None and there != row["classes"]:
            raise ArtifactError(
                "result_conflict",
                f"file {row['subject'][:12]} was scored with other answers before: score again, report it",
            )
    new = insert_new(connection, board_scores, rows)
    for one in scores:
        mine = and_(
            measurement_tasks.c.device == device,
            measurement_tasks.c.context == context,
            measurement_tasks.c.protocol == scoring_protocol(one.images),
            measurement_tasks.c.subject == one.subject,
            exactly(measurement_tasks.c.state, PENDING),
        )
        locked = select(measurement_tasks.c.id).where(mine).order_by(*IN_ORDER).with_for_update()
        if connection.execute(locked).all():
            done = {"state": DONE, "code": "", "changed_at_ms": now_ms()}
            connection.execute(update(measurement_tasks).where(mine).values(done))
    return new


def scores_of(
    connection: Connection, device: str, context: str, images: str, subjects: Collection[str]
) -> Answers:
    """Return what a board answered for some images, by file."""
    query = select(board_scores.c.subject, board_scores.c.classes).where(
        board_scores.c.device == device,
        board_scores.c.context == context,
        board_scores.c.images == images,
        board_scores.c.subject.in_(sorted(subjects)),
    )
    return {row.subject: tuple(row.classes) for row in connection.execute(query)}


def _same(row: Mapping[str, Any]) -> ColumnElement[bool]:
    return and_(*(board_scores.c[name] == row[name] for name in _KEY))

"""Checks of boards by golden subjects: when one is due, what came of it, which sessions are in doubt since.

Sessions since the last good check are in doubt where a check has drifted: what they found is suspect, is
measured again, and no longer suspect as soon as that is there. While a check is due nothing else is handed
out in its context (`nas.store.handing_out`); what keeps it from being made is told in `nas.store.troubles`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

from sqlalchemy import Connection, Engine, Row, and_, func, or_, select, update

from latency_predictors.doubt import Doubt
from latency_predictors.golden import MAX_DRIFTED, SUBJECTS, Judgement, Verdict, fastest_ms, judge
from latency_predictors.protocol import SessionResult
from nas.measurement_tasks import LOST
from nas.store.columns import exactly, now_ms
from nas.store.doubts import change_tasks, doubt, in_doubt, networks_in_doubt
from nas.store.measurement_tables import agents, golden_checks, measurement_tasks, measurements, sessions
from nas.store.session import one_at_a_time, reading, writing
from nas.store.waiting import DONE, FAILED, PENDING

SESSIONS: Final = 2
"""Of each check."""

_GOLDEN: Final = tuple(SUBJECTS)


@dataclass(frozen=True)
class Check:
    """What golden subjects said of a board in a context.

    Attributes:
        context: Digest of the context.
        ratio: Of the subject that moved most: its time over that of the last good check.
        doubted: Results that are suspect since.
        why: It was made.
    """

    context: str
    number: int
    verdict: Verdict
    ratio: float
    doubted: int
    why: str
    at_ms: int

    @property
    def in_words(self) -> str:
        """What it says."""
        if self.verdict == "good":
            return f"good, x {self.ratio:.2f}"
        return (
            f"{self.verdict}, x {self.ratio:.2f} of the last good check ({self.why}): {self.doubted} results "
            "since are suspect and measured again"
        )


@final
class DatabaseGoldenStore:
    """Checks in the database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def unchecked(self, device: str, context: str) -> bool:
        """Return whether a board was never checked in a context."""
        query = select(golden_checks.c.number).where(*_own(device, context)).limit(1)
        with reading(self._engine) as connection:
            return connection.execute(query).first() is None

    def is_stuck(self, device: str, context: str) -> bool:
        """Return whether a check that was asked for cannot be made: its files are lost, or it has failed."""
        lost = and_(exactly(measurement_tasks.c.state, PENDING), measurement_tasks.c.code.in_(LOST))
        given_up = exactly(measurement_tasks.c.state, FAILED)
        golden = and_(*_tasks(device, context), measurement_tasks.c.subject.in_(_GOLDEN))
        query = select(measurement_tasks.c.id).where(golden, or_(lost, given_up)).limit(1)
        with reading(self._engine) as connection:
            return connection.execute(query).first() is not None

    def newest(self, device: str) -> tuple[Check, ...]:
        """Return the last check of a board in each context."""
        last = (
            select(golden_checks.c.context, func.max(golden_checks.c.number).label("number"))
            .where(golden_checks.c.device == device)
            .group_by(golden_checks.c.context)
            .subquery()
        )
        same = and_(last.c.context == golden_checks.c.context, last.c.number == golden_checks.c.number)
        query = select(golden_checks).join(last, same).where(golden_checks.c.device == device)
        with reading(self._engine) as connection:
            return tuple(_check(row) for row in connection.execute(query.order_by(golden_checks.c.context)))

    def doubted(self, device: str, context: str) -> dict[str, str]:
        """Return the sessions of a device and context that are in doubt, each with why."""
        with reading(self._engine) as connection:
            return in_doubt(connection, device, context)

    def doubted_networks(self, device: str, context: str) -> Doubt:
        """Return what is in doubt of the networks behind the corrections of a device and context."""
        with reading(self._engine) as connection:
            return networks_in_doubt(connection, device, context)

    def take(self, device: str, context: str) -> Check | None:
        """Judge the golden subjects once all of them are measured; None where nothing is to be judged.

        The same sessions are judged once, however often it is asked.
        """
        with writing(self._engine) as connection:
            one_at_a_time(connection, f"checks of {device}")
            rows = connection.execute(_newest_first(device, context)).all()
            number = rows[0].sessions if rows else 0
            found = _measured(connection, device, context, number)
            if not found or _waits(connection, device, context):
                return None
            check = _judged(connection, device, context, rows, found)
            _follow(connection, device, context, rows, check)
            return check


def make_due(connection: Connection, device: str, why: str) -> None:
    """Have a board checked in all contexts that it was checked in, before it measures anything else there.

    Args:
        connection: In a transaction that may write.
        device: Digest of the device.
        why: In words: what has changed.
    """
    query = select(golden_checks.c.context).where(golden_checks.c.device == device).distinct()
    for context in connection.execute(query).scalars().all():
        _ask(connection, device, context, why)


def _judged(
    connection: Connection,
    device: str,
    context: str,
    rows: Sequence[Row[Any]],
    found: list[tuple[int, SessionResult]],
) -> Check:
    """Insert what a check says."""
    good = next((row for row in rows if row.verdict != "drifted"), None)
    drifted = rows[0] if rows and rows[0].verdict == "drifted" else None
    took = fastest_ms([session for _, session in found])
    said = judge(took, good.found if good else {}, drifted.found if drifted else {})
    why = _asked_because(connection, device, context) or (
        "asked for again" if rows else "first measured here"
    )
    doubted = doubt(
        connection,
        device,
        context,
        _since(said, good),
        f"golden subjects have drifted, x {said.ratio:.2f}; {why}",
    )
    row = {
        "device": device,
        "context": context,
        "number": rows[0].number + 1 if rows else 1,
        "sessions": max(number for number, _ in found),
        "verdict": said.verdict,
        "ratio": said.ratio,
        "doubted": doubted,
        "why": why,
        "found": took,
    }
    made = golden_checks.insert().values(**row, at_ms=now_ms()).returning(golden_checks)
    return _check(connection.execute(made).one())


def _since(said: Judgement, good: Row[Any] | None) -> int | None:
    """Return the number of the last session that is not in doubt; None where none is."""
    if said.verdict == "good":
        return None
    return 0 if said.verdict == "settled" or good is None else int(good.sessions)


def _follow(
    connection: Connection, device: str, context: str, rows: Sequence[Row[Any]], check: Check
) -> None:
    """Ask for another check after one that has drifted; put the board in quarantine after too many."""
    if check.verdict != "drifted":
        return
    _ask(connection, device, context, check.why)
    in_a_row = 1
    for row in rows:
        if row.verdict != "drifted":
            break
        in_a_row += 1
    if in_a_row >= MAX_DRIFTED:
        why = f"golden subjects drifted in {in_a_row} checks in a row, the last by x {check.ratio:.2f}"
        this = update(agents).where(agents.c.device == device, agents.c.quarantine == "")
        connection.execute(this.values(quarantine=why))


def _ask(connection: Connection, device: str, context: str, why: str) -> None:
    """Have the golden subjects measured in fresh sessions."""
    counted = (
        select(func.count())
        .select_from(sessions)
        .join(measurements)
        .where(
            sessions.c.device == device,
            sessions.c.context == context,
            sessions.c.doubt == "",
            measurements.c.subject == measurement_tasks.c.subject,
        )
        .scalar_subquery()
    )
    golden = and_(*_tasks(device, context), measurement_tasks.c.subject.in_(_GOLDEN))
    asked = {"state": PENDING, "sessions": counted + SESSIONS, "code": "", "message": why, "failures": 0}
    change_tasks(connection, golden, asked)


def _asked_because(connection: Connection, device: str, context: str) -> str:
    """Return why a check was asked for; empty where a job did."""
    query = select(measurement_tasks.c.message).where(
        *_tasks(device, context), measurement_tasks.c.subject.in_(_GOLDEN), measurement_tasks.c.state == DONE
    )
    return str(max(connection.execute(query).scalars(), default=""))


def _waits(connection: Connection, device: str, context: str) -> bool:
    query = select(measurement_tasks.c.id).where(
        *_tasks(device, context),
        measurement_tasks.c.subject.in_(_GOLDEN),
        exactly(measurement_tasks.c.state, PENDING),
    )
    return connection.execute(query.limit(1)).first() is not None


def _measured(
    connection: Connection, device: str, context: str, after: int
) -> list[tuple[int, SessionResult]]:
    """Return the sessions of golden subjects after a number, each with its own."""
    query = (
        select(sessions.c.number, sessions.c.content, measurements.c.result)
        .select_from(sessions)
        .join(measurements)
        .where(
            sessions.c.device == device,
            sessions.c.context == context,
            sessions.c.number > after,
            measurements.c.subject.in_(_GOLDEN),
        )
        .order_by(sessions.c.number)
    )
    contents: dict[int, Mapping[str, Any]] = {}
    results: dict[int, list[Any]] = {}
    for row in connection.execute(query):
        contents[row.number] = row.content
        results.setdefault(row.number, []).append(row.result)
    return [
        (number, SessionResult.model_validate({**content, "results": results[number]}))
        for number, content in contents.items()
    ]


def _newest_first(device: str, context: str) -> Any:
    return select(golden_checks).where(*_own(device, context)).order_by(golden_checks.c.number.desc())


def _own(device: str, context: str) -> tuple[Any, Any]:
    return golden_checks.c.device == device, golden_checks.c.context == context


def _tasks(device: str, context: str) -> tuple[Any, Any]:
    return measurement_tasks.c.device == device, measurement_tasks.c.context == context


def _check(row: Row[Any]) -> Check:
    fields = ("context", "number", "verdict", "ratio", "doubted", "why", "at_ms")
    return Check(**{name: getattr(row, name) for name in fields})

"""Sessions that are in doubt are known by context for layers, and by device for whole networks."""

from dataclasses import replace

from sqlalchemy import Engine, insert, select, update

from nas.store.doubts import doubt, in_doubt, networks_in_doubt
from nas.store.measurement_tables import contexts, measurement_tasks, sessions
from nas.store.session import reading, writing
from tests.latency_predictors.sessions import CONTEXT
from tests.nas.store.boards import subject_of
from tests.nas.store.checked_board import CheckedBoard

PAUSED = replace(CONTEXT, pause_ms=20.0)


def checked(engine: Engine) -> CheckedBoard:
    """A board that was checked, then measured a file."""
    board = CheckedBoard.of(engine)
    board.asked("one")
    board.works()
    board.works()
    return board


def test_only_what_came_after_a_good_check_is_in_doubt_after_drift(engine: Engine) -> None:
    board = checked(engine)
    where = board.agent.device.digest, CONTEXT.digest
    with reading(engine) as connection:
        assert networks_in_doubt(connection, *where).sessions == in_doubt(connection, *where) == {}
    board.registers(system="Linux 6.12")
    board.works(0.7)
    (session,) = board.found("one")["one"]
    with reading(engine) as connection:
        found = networks_in_doubt(connection, *where)
        assert found.sessions == in_doubt(connection, *where)
    assert found.sessions == {
        session.session_id: "golden subjects have drifted, x 1.40; system not told -> Linux 6.12"
    }
    assert found.unnamed == "", "older ones than the check are sound"


def test_networks_that_name_no_session_stay_in_doubt_when_a_board_has_settled(engine: Engine) -> None:
    board = checked(engine)
    board.registers(system="Linux 6.12")
    board.works(0.7)
    board.works(0.71)
    board.works(0.7)
    where = board.agent.device.digest, CONTEXT.digest
    with reading(engine) as connection:
        found = networks_in_doubt(connection, *where)
        every = set(connection.execute(select(sessions.c.id)).scalars())
    assert found.unnamed == "golden subjects have drifted, x 1.42; system not told -> Linux 6.12"
    assert every - found.sessions.keys(), "what was measured again is sound"


def test_networks_that_ran_with_pauses_are_in_doubt_with_their_own_context(engine: Engine) -> None:
    board = checked(engine)
    device = board.agent.device.digest
    with writing(engine) as connection:
        known = connection.execute(select(contexts)).first()
        assert known is not None
        connection.execute(insert(contexts).values(**{**known._mapping, "digest": PAUSED.digest}))
        paused: dict[str, object] = {"id": "paused", "device": device, "context": PAUSED.digest}
        paused |= {"protocol": "p" * 64, "content": {}, "worker": "w", "number": 1}
        paused |= {"doubt": "x 1.30; why", "delivered_at_ms": 1}
        connection.execute(insert(sessions).values(**paused))
    with reading(engine) as connection:
        assert in_doubt(connection, device, CONTEXT.digest) == {}
        found = networks_in_doubt(connection, device, CONTEXT.digest)
    assert (found.sessions, found.unnamed) == ({"paused": "x 1.30; why"}, "")


def test_a_file_is_measured_anew_in_two_sessions_however_many_it_had(engine: Engine) -> None:
    board, file = checked(engine), measurement_tasks.c.subject == subject_of("one")
    with writing(engine) as connection:
        connection.execute(update(measurement_tasks).where(file).values(sessions=8))
        doubt(connection, board.agent.device.digest, CONTEXT.digest, 0, "it is faster now")
        assert connection.execute(select(measurement_tasks.c.sessions).where(file)).scalar_one() == 2

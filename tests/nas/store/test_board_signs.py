"""Many boards in one call: each is told what it would be told alone; who is refused harms no other."""

import pytest
from sqlalchemy import Connection, Engine, event, update

from nas.jobs import Waiting
from nas.store.agent_queue import DatabaseAgentQueue
from nas.store.agent_store import ALIVE_MS, Agent, DatabaseAgentStore
from nas.store.board_signs import Beat, Call, DatabaseBoardSigns, Standing
from nas.store.job_queue import DatabaseJobQueue
from nas.store.job_store import DatabaseJobStore
from nas.store.measurement_queue import DatabaseMeasurementQueue
from nas.store.measurement_tables import agents, devices
from nas.store.session import writing
from search_spaces.errors import UsageError
from tests.nas.store.boards import INSTANCE, OTHER_INSTANCE, new_board, tasks_for
from tests.nas.store.queued import TENANT, running


class Fleet:
    """Three boards; the first two have files to measure."""

    def __init__(self, engine: Engine, store: DatabaseJobStore, queue: DatabaseJobQueue) -> None:
        self.engine = engine
        self.boards = [new_board(engine, f"pi{n}", unit=f"board-{n}") for n in range(3)]
        self.now_s = 100.0
        self.signs = DatabaseBoardSigns(engine, clock=lambda: self.now_s)
        self.measuring = DatabaseMeasurementQueue(engine)
        job = running(store, queue)
        for board in self.boards[:2]:
            self.measuring.enqueue(job, tasks_for(board))
        queue.settle(job, Waiting())

    def beat(self, board: Agent, number: int = 1, measured: int = 0) -> Beat:
        """A sign of a board that has asked for work just now."""
        found = DatabaseAgentQueue(self.engine).ask(board, INSTANCE, number)
        assert found is not None
        lease = found[0]
        return Beat(board.key_id, INSTANCE, lease.token, lease.attempt, measured, 4)

    def let_fall_silent(self) -> None:
        """As if no agent had been heard of for a while."""
        with writing(self.engine) as connection:
            connection.execute(update(agents).values(seen_at_ms=agents.c.seen_at_ms - ALIVE_MS - 1_000))

    @property
    def alive(self) -> list[bool]:
        """Which boards were heard of."""
        return [one.alive for one in DatabaseAgentStore(self.engine).list_all(TENANT)]


@pytest.fixture
def fleet(engine: Engine, store: DatabaseJobStore, queue: DatabaseJobQueue) -> Fleet:
    """Boards with files to measure."""
    return Fleet(engine, store, queue)


def codes(told: list[UsageError | None]) -> list[str]:
    """What each was refused with, empty where it was not."""
    return [one.code if one else "" for one in told]


def test_boards_that_call_are_told_how_they_stand(fleet: Fleet) -> None:
    calls = [Call(board.key_id, INSTANCE) for board in fleet.boards]
    for _ in range(5):
        DatabaseAgentQueue(fleet.engine).faulted(fleet.boards[1], "it burns")
    working, ill, idle = fleet.signs.called(calls)
    assert working == Standing(True, "")
    assert isinstance(ill, Standing)
    assert ill.quarantine.endswith("it burns")
    assert idle == Standing(False, "")


def test_strangers_are_refused_and_the_others_are_not(fleet: Fleet) -> None:
    calls = [Call("0" * 16, INSTANCE), Call(fleet.boards[0].key_id, OTHER_INSTANCE)]
    fleet.let_fall_silent()
    unknown, other, idle = fleet.signs.called([*calls, Call(fleet.boards[2].key_id, INSTANCE)])
    assert [one.code for one in (unknown, other) if isinstance(one, UsageError)] == [
        "not_registered",
        "key_in_use",
    ]
    assert idle == Standing(False, "")
    assert fleet.alive == [False, False, True], "a stranger keeps nobody's name"


def test_leases_are_kept_together_with_how_far_each_is(fleet: Fleet) -> None:
    first, second = (fleet.beat(board, measured=n + 1) for n, board in enumerate(fleet.boards[:2]))
    with writing(fleet.engine) as connection:
        connection.execute(update(devices).where(devices.c.lease_until_ms > 0).values(lease_until_ms=1))
    assert [fleet.measuring.progress(one.device.digest) for one in fleet.boards[:2]] == [(0, 0), (0, 0)]
    fleet.let_fall_silent()
    assert fleet.signs.renewed([second, first]) == [None, None]
    assert [fleet.measuring.progress(one.device.digest) for one in fleet.boards[:2]] == [(1, 4), (2, 4)]
    assert fleet.alive == [True, True, False]


def test_a_lease_that_is_over_is_not_kept_and_the_others_are(fleet: Fleet) -> None:
    board = fleet.boards[0]
    before, after = fleet.beat(board, 1, measured=3), fleet.beat(board, 2)
    stranger = Beat("0" * 16, INSTANCE, after.token, after.attempt)
    impostor = Beat(board.key_id, OTHER_INSTANCE, after.token, after.attempt)
    thief = Beat(fleet.boards[2].key_id, INSTANCE, after.token, after.attempt)
    told = fleet.signs.renewed([before, stranger, impostor, thief, fleet.beat(fleet.boards[1], measured=2)])
    assert codes(told) == ["lease_lapsed", "not_registered", "key_in_use", "lease_lapsed", ""]
    assert [fleet.measuring.progress(one.device.digest) for one in fleet.boards[:2]] == [(0, 0), (2, 4)]


def test_hearing_of_boards_is_noted_now_and_then_whatever_their_number(fleet: Fleet) -> None:
    calls = [Call(board.key_id, INSTANCE) for board in fleet.boards]
    statements: list[str] = []

    def note(_c: Connection, _u: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(fleet.engine, "before_cursor_execute", note)
    fleet.signs.called(calls)
    assert not [one for one in statements if one.startswith("UPDATE")], "heard of a moment ago"
    fleet.let_fall_silent()
    statements.clear()
    fleet.signs.called(calls)
    assert len([one for one in statements if one.startswith("UPDATE")]) == 1
    assert fleet.alive == [True] * 3


def test_boards_that_are_heard_of_within_a_second_are_noted_together(fleet: Fleet) -> None:
    fleet.let_fall_silent()
    for board in fleet.boards:
        fleet.signs.called([Call(board.key_id, INSTANCE)])
    assert fleet.alive == [True, False, False], "the others wait for more"
    fleet.now_s += 1.0
    fleet.signs.called([Call(fleet.boards[0].key_id, INSTANCE)])
    assert fleet.alive == [True, True, True]

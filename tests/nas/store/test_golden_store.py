"""A board is checked before it measures; after drift, what it found since the last good check is suspect."""

import pytest
from sqlalchemy import Engine, select

from latency_predictors.golden import MAX_DRIFTED
from nas.store.agent_store import DatabaseAgentStore
from nas.store.audit_log import Actor
from nas.store.measurement_tables import sessions
from nas.store.session import reading
from tests.latency_predictors.sessions import CONTEXT
from tests.nas.store.boards import subject_of
from tests.nas.store.checked_board import GOLDEN, CheckedBoard
from tests.nas.store.queued import TENANT

SLOWER = {"system": "Linux 6.12"}


@pytest.fixture
def board(engine: Engine) -> CheckedBoard:
    """A board that was checked, then measured two files."""
    board = CheckedBoard.of(engine)
    board.asked("one", "two")
    board.works()
    board.works()
    return board


def suspect(board: CheckedBoard, name: str) -> list[bool]:
    """Of each session of a file, whether it is suspect."""
    return [session.results[0].suspect for session in board.found(name)[name]]


def test_golden_subjects_come_first_alone_and_the_first_check_is_good(engine: Engine) -> None:
    board = CheckedBoard.of(engine)
    where = board.agent.device.digest, CONTEXT.digest
    assert board.golden.unchecked(*where)
    board.asked("one", "two")
    batch, check = board.works()
    assert set(batch.artifacts) == GOLDEN
    assert check is not None
    assert (check.verdict, check.ratio, check.why) == ("good", 1.0, "first measured here")
    assert not board.golden.unchecked(*where)
    batch, none = board.works()
    assert (set(batch.artifacts), none) == ({subject_of("one"), subject_of("two")}, None)
    assert board.idle()
    assert board.golden.newest(where[0]) == (check,)


def test_only_a_changed_toolchain_asks_for_a_check(board: CheckedBoard) -> None:
    board.registers()
    assert board.idle()
    board.registers(**SLOWER)
    batch, check = board.works(0.52)
    assert set(batch.artifacts) == GOLDEN
    assert check is not None
    assert (check.verdict, check.why) == ("good", "system not told -> Linux 6.12")
    assert suspect(board, "one") == [False]
    assert board.idle()


def test_what_was_found_since_the_last_good_check_is_suspect_until_it_is_measured_again(
    board: CheckedBoard,
) -> None:
    board.asked("three")
    board.registers(**SLOWER)
    _, check = board.works(0.7)
    assert check is not None
    assert (check.verdict, check.doubted) == ("drifted", 2)
    assert check.in_words == (
        "drifted, x 1.40 of the last good check (system not told -> Linux 6.12): 2 results since are suspect "
        "and measured again"
    )
    assert suspect(board, "one") == [True]
    _, check = board.works(0.5)
    assert check is not None
    assert check.verdict == "good"
    assert suspect(board, "one") == [True], "nobody knows what it was then"
    batch, _ = board.works(0.51)
    assert set(batch.artifacts) == set(map(subject_of, ("one", "two", "three")))
    assert suspect(board, "one") == [False]
    (session,) = board.found("one")["one"]
    assert session.results[0].median_ms == 0.51, "what was in doubt counts no more"
    assert board.idle()


def test_a_board_that_comes_to_rest_elsewhere_is_measured_anew_with_another_reference(
    board: CheckedBoard, engine: Engine
) -> None:
    board.registers(system="Linux 6.11")
    board.works()
    board.asked("three")
    board.works()
    board.registers(**SLOWER)
    _, check = board.works(0.7)
    assert check is not None
    assert (check.verdict, check.doubted) == ("drifted", 1), "since the check in between"
    _, check = board.works(0.71)
    assert check is not None
    assert (check.verdict, check.doubted) == ("settled", 2), "those before are of another board"
    batch, _ = board.works(0.7)
    assert set(batch.artifacts) == set(map(subject_of, ("one", "two", "three")))
    assert batch.reference_ms == {}
    assert [suspect(board, name) for name in ("one", "three")] == [[False], [False]]
    board.registers()
    _, check = board.works(0.7)
    assert check is not None
    assert check.verdict == "good"
    assert check.ratio == pytest.approx(0.7 / 0.71)


def test_a_board_that_does_not_come_to_rest_is_in_quarantine_until_somebody_ends_that(
    board: CheckedBoard, engine: Engine
) -> None:
    board.registers(**SLOWER)
    for times in range(MAX_DRIFTED):
        assert board.row.quarantine == ""
        board.works(0.5 * 1.3 ** (times + 1))
    assert board.row.quarantine.startswith("golden subjects drifted in 5 checks in a row, the last by x 3.71")
    DatabaseAgentStore(engine).release(TENANT, board.agent.name, Actor("ann", "key"))
    batch, check = board.works(0.5)
    assert set(batch.artifacts) == GOLDEN
    assert check is not None
    assert (check.verdict, check.why) == ("good", "it was in quarantine")


def test_sessions_are_judged_once(board: CheckedBoard, engine: Engine) -> None:
    where = board.agent.device.digest, CONTEXT.digest
    assert board.golden.take(*where) is None
    with reading(engine) as connection:
        assert set(connection.execute(select(sessions.c.doubt)).scalars()) == {""}
    assert board.golden.doubted(*where) == {}

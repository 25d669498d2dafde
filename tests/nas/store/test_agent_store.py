"""A board has a name, a key and a device of its own; jobs wait for names that nobody has yet."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, event, update

from nas.jobs import JobState, Waiting
from nas.store.agent_store import ALIVE_MS, Agent, DatabaseAgentStore
from nas.store.audit_log import Actor
from nas.store.job_queue import DatabaseJobQueue
from nas.store.job_store import DatabaseJobStore
from nas.store.key_store import DatabaseKeyStore
from nas.store.measurement_queue import DatabaseMeasurementQueue
from nas.store.measurement_tables import agents
from nas.store.session import writing
from search_spaces.errors import UsageError
from tests.latency_predictors.sessions import DEVICE
from tests.nas.store.boards import INSTANCE, OTHER_INSTANCE, new_board, new_key, tasks_for, told
from tests.nas.store.queued import TENANT, claim_one, running, submit


@pytest.fixture
def boards(engine: Engine) -> DatabaseAgentStore:
    """Where boards are registered."""
    return DatabaseAgentStore(engine)


def let_fall_silent(engine: Engine) -> None:
    """As if no agent had been heard of for a while."""
    with writing(engine) as connection:
        connection.execute(update(agents).values(seen_at_ms=agents.c.seen_at_ms - ALIVE_MS - 1_000))


def refused(boards: DatabaseAgentStore, key: str, **changed: Any) -> str:
    """The code with which a board is refused."""
    before = boards.list_all(TENANT)
    with pytest.raises(UsageError) as caught:
        boards.register(TENANT, Actor("ann", key), told(**changed))
    assert boards.list_all(TENANT) == before, "nothing was overwritten"
    return caught.value.code


def test_two_boards_of_one_model_are_two_devices(engine: Engine, boards: DatabaseAgentStore) -> None:
    first, second = new_board(engine, "pi5-a", unit="board-1"), new_board(engine, "pi5-b", unit="board-2")
    assert replace(first.device, registered="") == replace(second.device, registered="") == DEVICE
    assert len({DEVICE.digest, first.device.digest, second.device.digest}) == 3
    assert [one.name for one in boards.list_all(TENANT)] == ["pi5-a", "pi5-b"]
    assert boards.find(TENANT, "pi5-a") == first
    assert first.alive


def test_of_two_agents_with_one_folder_in_two_copies_one_is_refused(
    engine: Engine, boards: DatabaseAgentStore
) -> None:
    start, copied, again, late = (f"{number}" * 32 for number in range(3, 7))
    key = new_board(engine).key_id
    actor = Actor("ann", key)
    boards.register(TENANT, actor, told(instance=start, before=[INSTANCE]))
    assert refused(boards, key, instance=copied, before=[INSTANCE]) == "key_in_use"
    boards.register(TENANT, actor, told(instance=again, before=[start, late]))
    let_fall_silent(engine)
    assert boards.register(TENANT, actor, told(instance=copied, before=[INSTANCE])).instance == copied
    assert refused(boards, key, instance=late, before=[again]) == "key_in_use"


def test_a_board_that_starts_again_is_the_same(engine: Engine, boards: DatabaseAgentStore) -> None:
    first = new_board(engine)
    again = boards.register(TENANT, Actor("ann", first.key_id), told(runtimes={"onnxruntime": "1.40.0"}))
    assert (again.id, again.device) == (first.id, first.device)
    assert again.facts["runtimes"] == {"onnxruntime": "1.40.0"}
    assert boards.of_key(first.key_id) == again


def test_another_tenants_board_does_not_exist(engine: Engine, boards: DatabaseAgentStore) -> None:
    mine, theirs = new_board(engine), new_board(engine, tenant="other")
    assert mine.device != theirs.device
    assert boards.list_all(TENANT) == (mine,)
    assert boards.find("third", "pi5") is None
    assert boards.foreign(TENANT) == {theirs.device.digest}


def test_a_key_is_good_for_one_board(engine: Engine, boards: DatabaseAgentStore) -> None:
    board = new_board(engine)
    assert refused(boards, board.key_id, name="pi6") == "key_of_another_device"
    assert refused(boards, new_key(engine)) == "device_name_taken"


def test_a_new_key_takes_over_where_the_old_one_was_ended(engine: Engine, boards: DatabaseAgentStore) -> None:
    board, key = new_board(engine), new_key(engine)
    DatabaseKeyStore(engine).revoke(TENANT, board.key_id)
    assert boards.register(TENANT, Actor("ann", key), told()).device == board.device
    assert boards.of_key(board.key_id) is None


def test_a_key_that_was_made_to_replace_the_old_one_ends_it_when_the_board_registers(
    engine: Engine, boards: DatabaseAgentStore
) -> None:
    keys, board, other = DatabaseKeyStore(engine), new_board(engine), new_board(engine, "pi6")
    for replaces in ("", other.key_id):
        key, _ = keys.create(TENANT, "board", ["device"], replaces=replaces)
        assert refused(boards, key.id) == "device_name_taken"
    key, _ = keys.create(TENANT, "board", ["device"], replaces=board.key_id)
    assert refused(boards, key.id, unit="board-2") == "device_changed"
    assert keys.good_among([board.key_id, other.key_id]) == {board.key_id, other.key_id}
    assert boards.register(TENANT, Actor("ann", key.id), told()).id == board.id
    assert keys.good_among([board.key_id, other.key_id, key.id]) == {other.key_id, key.id}


def test_two_agents_with_one_key_are_told_apart(engine: Engine, boards: DatabaseAgentStore) -> None:
    board = new_board(engine)
    assert refused(boards, board.key_id, instance=OTHER_INSTANCE) == "key_in_use"
    let_fall_silent(engine)
    taken = boards.register(TENANT, Actor("ann", board.key_id), told(instance=OTHER_INSTANCE))
    assert (taken.device, taken.instance) == (board.device, OTHER_INSTANCE)


@pytest.mark.parametrize("changed", [{"device": replace(DEVICE, memory_gib=64)}, {"unit": "board-2"}])
def test_other_hardware_under_the_same_name_is_refused(
    engine: Engine, boards: DatabaseAgentStore, changed: dict[str, Any]
) -> None:
    board = new_board(engine)
    let_fall_silent(engine)
    assert refused(boards, board.key_id, **changed) == "device_changed"


@pytest.mark.parametrize(("first", "then"), [("", "a paper"), ("a paper", "")])
def test_what_measures_does_not_begin_to_replay_nor_the_other_way_round(
    engine: Engine, boards: DatabaseAgentStore, first: str, then: str
) -> None:
    board = new_board(engine, replays=first)
    assert refused(boards, board.key_id, replays=then) == "device_changed"
    other_file = told(replays=first and "another paper")
    assert boards.register(TENANT, Actor("ann", board.key_id), other_file).id == board.id


def test_boards_that_come_at_once_are_registered_in_one_transaction_each_as_it_would_be_alone(
    engine: Engine, boards: DatabaseAgentStore
) -> None:
    known, commits = new_board(engine), list[object]()
    ann, other = Actor("ann", new_key(engine)), Actor("ann", new_key(engine, "other"))
    came = [
        (TENANT, Actor("ann", known.key_id), told(instance=OTHER_INSTANCE)),
        (TENANT, ann, told("pi6", unit="board-2")),
        (TENANT, ann, told("pi7", unit="board-3")),
        ("other", other, told()),
        (TENANT, Actor("ann", known.key_id), told()),
    ]
    event.listen(engine, "commit", commits.append)
    found = boards.register_all(came)
    assert len(commits) == 1
    assert [one.code if isinstance(one, UsageError) else (one.tenant, one.name) for one in found] == [
        "key_in_use",
        (TENANT, "pi6"),
        "key_of_another_device",
        ("other", "pi5"),
        (TENANT, "pi5"),
    ]
    assert isinstance(found[4], Agent)
    assert found[4].id == known.id
    assert [one.name for one in boards.list_all(TENANT)] == ["pi5", "pi6"]


def test_a_job_waits_for_devices_without_a_worker_and_goes_on_when_one_comes(
    engine: Engine, boards: DatabaseAgentStore, store: DatabaseJobStore, queue: DatabaseJobQueue
) -> None:
    job = running(store, queue)
    assert boards.wait_for(job, ["pi5", "pi6"]) == ("pi5", "pi6")
    assert queue.settle(job, Waiting()) is JobState.WAITING
    queue.reap()
    assert queue.claim("w1") == []
    assert boards.missing(job.job_id) == ("pi5", "pi6")
    new_board(engine, "pi5", tenant="other")
    assert queue.claim("w1") == [], "another tenant's board is not meant"
    new_board(engine, "pi5")
    assert claim_one(queue).lease.job_id == job.job_id
    assert boards.missing(job.job_id) == ("pi6",)


def test_a_device_that_comes_before_the_job_settles_is_not_waited_for(
    engine: Engine, boards: DatabaseAgentStore, store: DatabaseJobStore, queue: DatabaseJobQueue
) -> None:
    job = running(store, queue)
    boards.wait_for(job, ["pi5"])
    new_board(engine)
    assert queue.settle(job, Waiting()) is JobState.QUEUED
    later = running(store, queue)
    assert boards.wait_for(later, ["pi5"]) == ()


def test_a_job_that_waits_for_a_device_is_told_of_it(
    engine: Engine, boards: DatabaseAgentStore, store: DatabaseJobStore, queue: DatabaseJobQueue
) -> None:
    job = running(store, queue)
    boards.wait_for(job, ["pi5"])
    queue.settle(job, Waiting())
    new_board(engine)
    told_of = [(one.kind, dict(one.data)) for one in store.events(TENANT, job.job_id)]
    assert ("devices_missing", {"devices": ["pi5"]}) in told_of
    assert told_of[-1] == ("queued", {"reason": "device"})


def test_other_jobs_are_left_alone(
    engine: Engine, boards: DatabaseAgentStore, store: DatabaseJobStore, queue: DatabaseJobQueue
) -> None:
    new_board(engine, "there")
    waiting = running(store, queue)
    there = boards.find(TENANT, "there")
    assert there is not None
    DatabaseMeasurementQueue(engine).enqueue(waiting, tasks_for(there))
    queue.settle(waiting, Waiting())
    new_board(engine, "pi5")
    assert store.get(TENANT, waiting.job_id).state is JobState.WAITING
    assert submit(store)[0].state is JobState.QUEUED


def test_quarantine_ends_when_somebody_says_so(engine: Engine, boards: DatabaseAgentStore) -> None:
    board = new_board(engine)
    with writing(engine) as connection:
        connection.execute(update(agents).values(quarantine="it failed", failures=5))
    released = boards.release(TENANT, "pi5")
    assert (released.quarantine, released.failures) == ("", 0)
    assert released.id == board.id
    for tenant, name in (("other", "pi5"), (TENANT, "pi6")):
        with pytest.raises(UsageError, match="there is no board"):
            boards.release(tenant, name)

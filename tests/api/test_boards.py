"""Boards as people see them: state, queue, why they get no work."""

import io
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from sqlalchemy import update

from api.boards import board_line, board_lines, release_board
from api.devices import list_tables, show_table
from api.remembered import OPEN_S
from api.searches import show_search
from api.shown_devices import show_device
from nas.job_records import JobRequest
from nas.jobs import JobKind, Waiting
from nas.settings import Settings
from nas.specs import parse_spec
from nas.store.measurement_tables import agents
from nas.store.session import writing
from search_spaces.errors import UsageError
from tests.api.boards import TENANT, Board, waiting_for
from tests.api.served import DIGITS, Caller, code
from tests.nas.store.boards import tasks_for, told


@pytest.fixture
def board(api: Caller) -> Board:
    """A board that is registered."""
    board = Board.with_key(api)
    board.register()
    return board


def settings_of(tmp_path: Path) -> Settings:
    """Of the service's home."""
    return Settings(home=tmp_path / "home")


def drawn(answer: object) -> str:
    """What people read."""
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(answer)
    return console.export_text()


def quarantined(board: Board) -> None:
    """Let it fail five times."""
    for _ in range(5):
        board.api.stores.agent_queue.faulted(board.agent, "session_died: signal 11")


def test_a_board_goes_from_idle_to_measuring_and_back(board: Board) -> None:
    stores = board.api.stores
    assert board_line(stores, board.agent).state == "idle"
    waiting_for(board)
    assert board_line(stores, board.agent).pending == 4
    work = board.work()
    board.beat(work, measured=1, to_measure=4)
    # What a board tells of its lease is written with that of others.
    while (line := board_line(stores, board.agent)).to_measure == 0:
        threading.Event().wait(0.02)
    assert (line.state, line.measured, line.to_measure) == ("measuring", 1, 4)
    board.deliver(work, board.session(work))
    board.beat(work, "return")
    (line,) = board_lines(stores, TENANT)
    assert (line.state, line.pending, line.to_measure) == ("idle", 0, 0)
    assert board_lines(stores, "other") == ()


def test_a_board_that_is_not_heard_of_is_silent(board: Board) -> None:
    with writing(board.api.stores.engine) as connection:
        connection.execute(update(agents).values(seen_at_ms=1_000))
    line = board_line(board.api.stores, board.agent)
    assert "replays" not in line.model_dump(mode="json")
    assert (line.state, line.seen_at) == ("silent", "1970-01-01T00:00:01.000Z")


def test_quarantine_is_shown_with_why_and_ended_by_hand(board: Board, tmp_path: Path) -> None:
    quarantined(board)
    settings = settings_of(tmp_path)
    shown = drawn(show_device(settings, "pi5"))
    assert "pi5: quarantine" in shown
    assert "5 failures in a row, the last: session_died: signal 11" in shown
    assert "hwnas devices release pi5" in shown
    assert "pi5" in drawn(list_tables(settings))
    assert "quarantine" in drawn(list_tables(settings))
    assert release_board(settings, "pi5").state == "idle"
    with pytest.raises(UsageError, match="there is no board"):
        release_board(settings, "pi6")


def test_a_board_that_replays_is_shown_with_what(api: Caller, tmp_path: Path) -> None:
    board, source = Board.with_key(api), "a paper [table 3]"
    assert board.register(replays=source, device=replace(told().device, os="OS [/]")).status_code == 200
    settings = settings_of(tmp_path)
    assert f", replays {source}" in drawn(list_tables(settings))
    assert "OS [/]" in drawn(list_tables(settings))
    assert f"replays   {source}" in drawn(show_device(settings, "pi5"))
    assert board_line(api.stores, board.agent).model_dump(mode="json")["replays"] == source


def test_files_that_are_not_tried_again_are_shown_with_why(board: Board, tmp_path: Path) -> None:
    waiting_for(board)
    work = board.work()
    body = board.session(work).model_dump(mode="json")
    failed = body["results"].pop()["digest"]
    body["failures"] = [{"digest": failed, "code": "file_not_loadable", "message": "no such operator"}]
    assert board.raw(work, {"session": body}).status_code == 200
    (told,) = board.api.as_("read").get("/v1/devices/pi5").json()["board"]["given_up"]
    label = work.context.label
    assert told == {"context": label, "files": 1, "code": "file_not_loadable", "said": "no such operator"}
    shown = drawn(show_device(settings_of(tmp_path), "pi5"))
    assert "given up  " + label in shown
    assert "1 files, file_not_loadable: no such operator" in shown


def test_over_rest_a_board_is_a_device(board: Board) -> None:
    api, other = board.api.as_("submit", "read"), board.api.as_("read", tenant="other")
    (item,) = api.get("/v1/devices").json()["items"]
    assert (item["id"], item["tables"], item["board"]["name"]) == (board.agent.device.digest, [], "pi5")
    for name in ("pi5", item["id"]):
        assert api.get(f"/v1/devices/{name}").json() == item
        assert code(other.get(f"/v1/devices/{name}")) == (404, "unknown_device")
        assert api.get(f"/v1/devices/{name}/tables").json() == {"items": []}
    assert other.get("/v1/devices").json() == {"items": [], "next_cursor": None}
    quarantined(board)
    assert api.get("/v1/devices/pi5").json()["board"]["state"] == "quarantine"
    assert code(board.api.as_("read").post("/v1/devices/pi5/release"))[0] == 403
    assert api.post("/v1/devices/pi5/release").json()["board"]["state"] == "idle"
    assert code(api.post("/v1/devices/pi6/release")) == (404, "unknown_device")
    assert api.stores.audit.last(TENANT)[0].action == "device.release"


def test_a_board_is_profiled_by_its_name(board: Board) -> None:
    api = board.api.as_("submit", "read")
    accepted = api.post("/v1/devices/pi5/profiles", {"space": {"name": "mobilenet_v3", "preset": "tiny"}})
    job = api.get(accepted.json()["links"]["self"]).json()
    assert job["spec"]["device"] == "pi5"
    assert code(api.post("/v1/devices/pi6/profiles", {})) == (404, "unknown_device")


def test_what_a_search_waits_for_is_shown_on_both_sides(board: Board, api: Caller, tmp_path: Path) -> None:
    sent = {**DIGITS, "targets": [{"device": "pi5"}, {"device": "pi6"}]}
    assert code(api.post("/v1/searches", sent)) == (404, "unknown_device")
    assert "there are host, pi5;" in api.post("/v1/searches/preview", sent).json()["detail"]
    api.stores.keys.create(TENANT, "pi6", ["device"])
    assert api.post("/v1/searches/preview", {**sent, "when_missing": "proceed"}).status_code == 200
    # As one that was submitted to a version which did not ask.
    spec = parse_spec(sent).model_dump(mode="json")
    job = {"id": api.stores.jobs.submit("local", JobRequest(JobKind.SEARCH, spec)).id}
    (claim,) = api.stores.queue.claim("w")
    assert api.stores.agents.wait_for(claim.lease, ["pi6"]) == ("pi6",)
    from_board = waiting_tasks(board, claim.lease)
    shown = api.get(f"/v1/searches/{job['id']}").json()
    assert shown["state"] == "waiting"
    assert shown["waits_for"] == [
        {"device": "pi6", "pending": 0, "why": "not registered"},
        {"device": "pi5", "pending": from_board, "why": ""},
    ]
    text = drawn(show_search(settings_of(tmp_path), job["id"]))
    assert "waits for pi6: 0 files (not registered)" in text
    assert "waits for pi5: 4 files" in text
    with writing(api.stores.engine) as connection:
        connection.execute(update(agents).values(seen_at_ms=1_000))
    text = drawn(show_search(settings_of(tmp_path), job["id"]))
    assert "waits for pi5: 4 files (its agent is not heard of)" in text
    Board.with_key(api, "pi6", unit="board-2").register()
    until = time.monotonic() + 10 * OPEN_S
    while (
        waits_for := api.get(f"/v1/searches/{job['id']}").json()["waits_for"]
    ) and time.monotonic() < until:
        continue  # what was told a moment ago is told again, for as long as `OPEN_S`
    assert waits_for == []


def waiting_tasks(board: Board, lease: object) -> int:
    """Have a running job wait for files of a board; return how many."""
    stores = board.api.stores
    tasks = tasks_for(board.agent)
    stores.measurements.enqueue(lease, tasks)  # type: ignore[arg-type]
    stores.queue.settle(lease, Waiting(devices=("pi6",)))  # type: ignore[arg-type]
    return len(tasks)


def test_tables_are_shown_by_their_own_names(board: Board, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        show_table(settings_of(tmp_path), "pi5")
    assert caught.value.code in ("no_table", "unknown_table")

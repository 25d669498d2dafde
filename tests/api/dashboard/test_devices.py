"""The screens of devices."""

import re
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from api.boards import board_line
from api.dashboard import devices
from api.dashboard.devices import coverage
from latency_predictors.device import host_device
from nas.job_records import JobRequest
from nas.jobs import JobKind
from nas.report.few_shot_words import few_shot_sentence
from nas.store.measurement_tables import agents
from nas.store.session import writing
from tests.api.boards import Board, waiting_for
from tests.api.dashboard.browsing import browse, elements, sound
from tests.api.few_shot_models import registered_board, saved_few_shot
from tests.api.handmade import lookup_table, saved_table
from tests.api.served import Caller
from tests.latency_predictors.sessions import DEVICE

HOST = host_device().digest


def home(api: Caller) -> Path:
    return Path(api.app.state.service.settings.home)


def test_devices_are_listed(api: Caller) -> None:
    assert "Nothing was measured yet" in sound(browse(api, "/devices"))
    saved_table(home(api), lookup_table())
    text = sound(browse(api, "/devices"))
    assert f"/devices/{HOST}" in text
    assert "this machine" in text


def test_models_of_few_networks_are_shown_with_their_device(api: Caller) -> None:
    board = registered_board(home(api))
    assert "nothing measured yet" in sound(browse(api, "/devices"))
    assert "Nothing was measured of it yet" in sound(browse(api, f"/devices/{board.device.digest}"))
    model = saved_few_shot(home(api), board)
    text = sound(browse(api, "/devices"))
    assert "no table; few whole networks were measured" in text
    assert "nothing measured yet" not in text
    text = sound(browse(api, f"/devices/{board.device.digest}"))
    assert f"{board.context.label} · mobilenet_v3/tiny, 10 classes, channels 1" in text
    assert few_shot_sentence(model.report) in text
    assert "Nothing was measured of it yet" not in text
    saved_few_shot(home(api))
    text = sound(browse(api, f"/devices/{HOST}"))
    assert "20 whole networks were measured" in text


def test_many_devices_come_in_pages(api: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "ROWS", 1)
    for name in ("pi5", "pi6"):
        Board.with_key(api, name, unit=name).register()
    first = sound(browse(api, "/devices"))
    more = next(at["href"] for _, at in elements(first) if "cursor=" in at.get("href", ""))
    last = sound(browse(api, more))
    assert ("pi5" in first, "pi6" in first) == (True, False)
    assert ("pi5" in last, "pi6" in last) == (False, True)
    assert "cursor=" not in last


def test_a_device_tells_what_it_is_and_how_good_its_predictions_are(api: Caller) -> None:
    saved_table(home(api), lookup_table())
    text = sound(browse(api, f"/devices/{HOST}"))
    assert host_device().cpu_model in text
    assert "mobilenet_v3/tiny, median" in text
    assert "100 % of 5 inside" in text
    assert "142 of 142" in text
    assert "Entries to measure again" in text
    # Both sessions differ by a fifth: nobody can tell which is right.
    assert "142 entries" in text
    assert "inverted residual" in text


def test_a_table_of_quantised_layers_says_what_their_ranges_are_from(api: Caller) -> None:
    said = "Each layer was quantised alone, its ranges from random inputs of a fixed seed"
    fp32 = lookup_table()
    saved_table(home(api), fp32)
    assert said not in sound(browse(api, f"/devices/{HOST}"))
    saved_table(home(api), fp32.model_copy(update={"context": replace(fp32.context, precision="int8")}))
    assert sound(browse(api, f"/devices/{HOST}")).count(said) == 1


def test_another_machine_is_profiled_there(api: Caller) -> None:
    table = lookup_table(cpu_model="Elsewhere")
    saved_table(home(api), table)
    text = sound(browse(api, f"/devices/{table.device.digest}"))
    assert "It is another machine" in text
    assert "Profile now" not in text


def test_a_board_is_listed_before_it_has_measured_and_profiled_by_its_name(api: Caller) -> None:
    board = Board.with_key(api)
    board.register()
    assert board.device is not None
    listed = sound(browse(api, "/devices"))
    assert f"/devices/{board.device.digest}" in listed
    assert "nothing measured yet" in listed
    text = sound(browse(api, f"/devices/{board.device.digest}"))
    assert 'data-post="/v1/devices/pi5/profiles"' in text
    assert "Its agent does it." in text
    assert sound(browse(api, "/devices/pi5")) == text
    assert browse(api.as_("read", tenant="other"), f"/devices/{board.device.digest}").status_code == 404


def rows_of(text: str, table: str) -> list[str]:
    """What stands in the rows of a table of a page, by the name of its region; without marks."""
    (found,) = re.findall(f'aria-label="{table}">(.*?)</table>', text, re.DOTALL)
    return [" ".join(re.sub("<[^>]+>", " ", row).split()) for row in found.split("<tr>")[2:]]


def two_of_a_model(api: Caller) -> tuple[Board, Board]:
    """Two boards of one model, each with a table; the first is in quarantine, the other measures."""
    idle, busy = (Board.with_key(api, name, unit=name) for name in ("pi5-a", "pi5-b"))
    for board in (idle, busy):
        board.register()
        assert board.device is not None
        saved_table(home(api), lookup_table().model_copy(update={"device": board.device}))
    waiting_for(busy)
    busy.beat(busy.work(), measured=1, to_measure=8)
    for _ in range(5):
        api.stores.agent_queue.faulted(idle.agent, "session_died: <signal> 11")
    while board_line(api.stores, busy.agent).to_measure == 0:
        threading.Event().wait(0.02)  # what a board tells of its lease is written with that of others
    return idle, busy


def test_two_boards_of_one_model_are_told_apart_and_each_tells_how_it_is(api: Caller) -> None:
    idle, _ = two_of_a_model(api)
    text = sound(browse(api, "/devices"))
    label, seen = idle.agent.device.label, r"hwnas 0\.1\.0, heard of just now \d{4}-\d\d-\d\d \d\d:\d\d UTC"
    first, second = rows_of(text, "Boards")
    why = "quarantine 5 failures in a row, the last: session_died: &lt;signal&gt; 11"
    assert re.fullmatch(f"pi5-a {re.escape(f'{label} {why}')} 0 files queued {seen}", first)
    assert re.fullmatch(
        f"pi5-b {re.escape(f'{label} measuring 4 files queued, 1 of 8 measured')} {seen}", second
    )
    assert [row.removesuffix(label).split()[0] for row in rows_of(text, "Devices")] == ["pi5-a", "pi5-b"]
    assert "nothing measured yet" not in text


def test_the_page_of_a_board_tells_how_it_is(api: Caller) -> None:
    idle, busy = two_of_a_model(api)
    with writing(api.stores.engine) as connection:
        connection.execute(update(agents).where(agents.c.name == "pi5-a").values(seen_at_ms=1_000))
    text = sound(browse(api, "/devices/pi5-a"))
    assert "<h1>pi5-a</h1>" in text
    assert f'<p class="soft">{idle.agent.device.label}</p>' in text
    assert '<dt>state</dt><dd><span class="badge bad">quarantine</span></dd>' in text
    assert "<dt>queue</dt><dd>0 files queued</dd>" in text
    assert re.search(r"<dt>agent</dt><dd>hwnas 0\.1\.0, heard of \d+ days ago \(<time[^>]+>1970-01-01", text)
    assert "It gets no work: 5 failures in a row, the last: session_died: &lt;signal&gt; 11." in text
    assert "<code>hwnas devices release pi5-a</code>" in text
    text = sound(browse(api, f"/devices/{busy.agent.device.digest}"))
    assert '<dt>state</dt><dd><span class="badge live">measuring</span></dd>' in text
    assert "<dt>queue</dt><dd>4 files queued, 1 of 8 measured</dd>" in text
    assert "It gets no work" not in text


def test_a_board_without_a_table_tells_its_hardware(api: Caller) -> None:
    Board.with_key(api).register()
    text = sound(browse(api, "/devices/pi5"))
    assert "No table of it can be read" not in text
    assert f"<dd>{DEVICE.cpu_model}</dd>" in text
    assert "Nothing was measured of it yet." in text


def test_files_that_a_board_does_not_try_again_are_told(api: Caller) -> None:
    board = Board.with_key(api)
    board.register()
    waiting_for(board)
    work = board.work()
    failure = {"digest": next(iter(work.files)), "code": "file_not_loadable", "message": "no <such> operator"}
    session = board.session(work).model_copy(update={"results": ()}).model_dump(mode="json")
    assert board.raw(work, {"session": {**session, "failures": [failure]}}).status_code == 200
    text = sound(browse(api, "/devices/pi5"))
    assert f"Not tried again, {work.context.label}: 1 files (file_not_loadable)" in text
    assert "no &lt;such&gt; operator" in text
    (row,) = rows_of(sound(browse(api, "/devices")), "Boards")
    assert "3 files queued, 1 file not tried again hwnas" in row


def test_a_damaged_table_is_told_as_such(api: Caller) -> None:
    saved_table(home(api), lookup_table())
    for path in (home(api) / "artifacts").rglob("*"):
        if path.is_file():
            path.chmod(0o600)
            path.write_bytes(b"damaged")
    text = sound(browse(api, f"/devices/{HOST}"))
    assert "A table that cannot be read" in text
    assert "artifact_damaged" in text


def test_the_profile_that_was_asked_for_is_followed(api: Caller) -> None:
    saved_table(home(api), lookup_table())
    job = api.stores.jobs.submit("local", JobRequest(JobKind.PROFILE, {}, "profile"))
    text = sound(browse(api, f"/devices/{HOST}?job={job.id}"))
    assert f'data-events="/v1/jobs/{job.id}/events"' in text
    assert "Profile now" in text
    assert "Profile now" not in sound(browse(api.as_("read"), f"/devices/{HOST}"))
    assert browse(api.as_("read", tenant="other"), f"/devices/{HOST}?job={job.id}").status_code == 404


def test_a_device_that_vanished_is_not_found(api: Caller) -> None:
    answer = browse(api, "/devices/gone")
    assert answer.status_code == 404
    assert "there is no device" in sound(answer)


def test_coverage_counts_the_layers_that_were_measured() -> None:
    best, *others = coverage(lookup_table())
    assert (best.space, best.num_measured, best.num_layers) == ("mobilenet_v3/tiny, grey images", 142, 142)
    assert all(one.num_measured < one.num_layers for one in others)

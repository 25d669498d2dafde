"""`hwnas serve` as a process: it listens, says where, serves, and stops with an open stream."""

import gc
import json
import os
import re
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psutil
import pytest
from starlette.testclient import TestClient

from api.key_commands import create_key
from api.keys import KeyText
from api.listening import listening
from api.serving import (
    MOST_OPEN,
    SELDOM,
    allow_connections,
    keep_for_good,
    serve,
    server_config,
)
from nas.settings import Settings
from search_spaces.errors import UsageError
from tests.api.served import DIGITS, Caller

SERVE = [sys.executable, "-c", "import hwnas; hwnas.main()", "serve", "--port", "0"]
COMMAND = [*SERVE, "--no-worker"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """A server without a worker behind the prefix /nas, its address and the login link."""
    environment = {**os.environ, **Settings(home=tmp_path / "home").as_environment()}
    command, pipe = [*COMMAND, "--root-path", "nas/"], subprocess.PIPE
    with subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stderr is not None
        address = re.search(r"http://\S+(?=;)", process.stderr.readline())
        link = re.search(r"^open  (\S+)  at the address of the proxy ", process.stderr.readline())
        assert address
        assert link
        yield process, address[0], link[1]
        process.kill()


@pytest.mark.alone
def test_a_server_stops_in_time_though_somebody_listens(
    server: tuple[subprocess.Popen[str], str, str], tmp_path: Path
) -> None:
    process, address, link = server
    key = create_key(Settings(home=tmp_path / "home"), "me", ["read", "submit"], None).key
    with httpx2.Client(base_url=address, headers={"authorization": f"Bearer {key}"}) as client:
        # What a proxy does: it takes the prefix away.
        opened = client.get(link.removeprefix("/nas"))
        assert (opened.status_code, opened.headers["location"]) == (303, "/nas/searches")
        assert link.startswith("/nas/")
        search = client.post("/v1/searches", json=DIGITS).headers["location"].removeprefix("/nas")
        with client.stream("GET", f"{search}/events", headers={"accept": "text/event-stream"}) as events:
            lines = events.iter_lines()
            assert next(line for line in lines if line.startswith("event:")) == "event: queued"
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=3) == 0
    assert process.stderr is not None
    log = [json.loads(line) for line in process.stderr if line.startswith("{")]
    assert {"/login", "/v1/searches"} <= {line.get("route") for line in log}
    assert key not in str(log)
    assert process.stdout is not None
    assert "has ended" in process.stdout.read()


def test_it_serves_though_nobody_reads_what_it_says_and_ctrl_c_ends_it(tmp_path: Path) -> None:
    environment = {**os.environ, **Settings(home=tmp_path / "home").as_environment()}
    with listening("127.0.0.1", 0) as (found,):
        port = found.getsockname()[1]
    command, pipe = [*COMMAND, "--port", str(port)], subprocess.PIPE
    with Path("/dev/full").open("w") as full:
        process = subprocess.Popen(command, env=environment, stdout=pipe, stderr=full, text=True)
    with process:
        address = f"http://127.0.0.1:{port}"
        while process.poll() is None and not answers(f"{address}/livez"):
            threading.Event().wait(0.05)
        process.send_signal(signal.SIGINT)
        told, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert told == f"the service at {address} has ended; jobs go on with the next worker\n"


def answers(url: str) -> bool:
    """Whether a service is there already."""
    try:
        return httpx2.get(url).status_code == 200
    except httpx2.ConnectError:
        return False


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_no_worker_stays_behind_however_a_server_ends(tmp_path: Path, how: signal.Signals) -> None:
    environment = {**os.environ, **Settings(home=tmp_path / "home").as_environment()}
    with subprocess.Popen(SERVE, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        address = re.fullmatch(r"hwnas listens at (\S+); Ctrl-C ends it\n", process.stderr.readline())
        assert address
        link = re.escape(f"{address[1]}/login?token=") + r"\S+"
        assert re.fullmatch(f"open  {link}  \\(works once\\)\n", process.stderr.readline())
        (worker,) = psutil.Process(process.pid).children()
        process.send_signal(how)
        assert process.wait(timeout=60) == (0 if how is signal.SIGTERM else -how)
        worker.wait(timeout=60)


def test_it_listens_elsewhere_only_with_keys(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        serve(Settings(home=tmp_path / "home"), "0.0.0.0", 0, worker=False)
    assert caught.value.code == "keys_needed"


def test_what_a_request_says_of_who_sent_it_is_believed_of_the_proxy_that_is_named(api: Caller) -> None:
    def secure(proxy: str, sender: str) -> bool:
        """Whether the cookie of a browser is for encrypted connections alone."""
        config = server_config(api.app, "127.0.0.1", 0, proxy=proxy)
        config.load()
        client = TestClient(config.loaded_app, "http://localhost", client=(sender, 5), follow_redirects=False)
        link = f"/login?token={api.app.state.service.links.make()}"
        answer = client.get(link, headers={"x-forwarded-proto": "https"})
        assert answer.status_code == 303
        return "secure" in answer.headers["set-cookie"].lower()

    assert not secure("", "127.0.0.1")
    assert not secure("10.0.0.0/8", "127.0.0.1")
    assert secure("10.0.0.0/8", "10.1.2.3")
    assert secure("127.0.0.1", "127.0.0.1")


def test_nobody_guesses_on_under_another_address_of_their_own_writing(api: Caller) -> None:
    config = server_config(api.app, "127.0.0.1", 0)
    config.load()
    client = TestClient(config.loaded_app, "http://localhost", client=("127.0.0.1", 5))
    wrong = str(KeyText("0" * 16, "1" * 48))
    answers = [
        client.get(
            "/v1/searches",
            headers={"authorization": f"Bearer {wrong}", "x-forwarded-for": f"10.0.0.{number}"},
        )
        for number in range(30)
    ]
    assert answers[-1].status_code == 429


def test_a_port_that_is_taken_leaves_signals_as_they_were(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with listening("127.0.0.1", 0) as (taken, *_), pytest.raises(UsageError):
        serve(Settings(home=tmp_path / "home"), "127.0.0.1", taken.getsockname()[1], worker=False)
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_proxy_is_an_address_or_a_network(tmp_path: Path) -> None:
    for wrong in ("*", "nas.example", "10.0.0.1/8"):
        with pytest.raises(UsageError) as caught:
            serve(Settings(home=tmp_path / "home"), "127.0.0.1", 0, worker=False, proxy=wrong)
        assert caught.value.code == "invalid_proxy"


def test_what_was_imported_is_not_looked_through_again_and_the_rest_seldom() -> None:
    usual = gc.get_threshold()
    try:
        keep_for_good()
        assert gc.get_freeze_count() > 50_000
        assert len(gc.get_objects()) < 5_000
        assert gc.get_threshold() == (*usual[:2], SELDOM)
    finally:
        gc.set_threshold(*usual)


def test_every_board_may_keep_a_connection() -> None:
    usual, allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1_024, usual), allowed))
    try:
        allow_connections()
        most = MOST_OPEN if allowed == resource.RLIM_INFINITY else min(MOST_OPEN, allowed)
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (most, allowed)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (usual, allowed))

"""`hwnas devices add`: an agent starts through SSH; here a stand-in for `ssh` stays on this machine."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import update

from api.ssh_boards import NO_ENVIRONMENT, NO_PACKAGE, NO_PYTHON, add_board
from latency_predictors.agent_protocol import Registration
from nas.settings import Settings
from nas.store.agent_store import Agent
from nas.store.audit_log import Actor
from nas.store.measurement_tables import agents
from nas.store.session import writing
from search_spaces.errors import HwnasError
from tests.api.running import Running, running
from tests.workers.jobs_at_work import until
from workers.agent_board import board_facts

TENANT = "local"

# Forwards the port that `-R` names, and runs the command with a home of its own.
STAND_IN = """#!{python}
import os, socket, subprocess, sys, threading
forward = sys.argv[sys.argv.index("-R") + 1].split(":")
assert sys.argv[-3:-1] == ["--", "pi@board"], sys.argv
listening = socket.create_server((forward[0], int(forward[1])))

def pump(source, sink):
    while data := source.recv(65536):
        sink.sendall(data)
    sink.shutdown(socket.SHUT_WR)

def serve():
    while True:
        near, _ = listening.accept()
        far = socket.create_connection((forward[2], int(forward[3])))
        for pair in ((near, far), (far, near)):
            threading.Thread(target=pump, args=pair, daemon=True).start()

threading.Thread(target=serve, daemon=True).start()
sys.exit(subprocess.run(["sh", "-c", sys.argv[-1]], env={{**os.environ, "HOME": {home!r}}}).returncode)
"""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Running]:
    """A service that listens."""
    with running(tmp_path / "service") as opened:
        yield opened


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that comes first on the path."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


def written(path: Path, content: str) -> None:
    """Write a program."""
    path.write_text(content)
    path.chmod(0o755)


def registered(service: Running) -> Agent:
    """This machine as a board that has worked before, from another folder, and is silent now."""
    stores = service.stores
    key, _ = stores.keys.create(TENANT, "board", ["device"])
    own = {"name": "board", "instance": "3" * 32, "cache_bytes": 0, "clock_s": 0.0}
    told = Registration.model_validate({**board_facts(), **own})
    agent = stores.agents.register(TENANT, Actor("board", key.id), told)
    with writing(stores.engine) as connection:
        connection.execute(update(agents).values(seen_at_ms=0))
    return agent


def test_an_agent_works_until_the_connection_ends(
    service: Running, programs: Path, tmp_path: Path, repository: Path
) -> None:
    home, before = tmp_path / "board", registered(service)
    home.mkdir()
    written(programs / "ssh", STAND_IN.format(python=sys.executable, home=str(home)))
    run = f"export PYTHONPATH={repository}\nexec {sys.executable} -c 'import hwnas; hwnas.main()' \"$@\"\n"
    written(programs / "hwnas", f"#!/bin/sh\n{run}")
    command = [sys.executable, "-c", "import hwnas; hwnas.main()", "devices", "add", "pi@board"]
    environment = {**os.environ, "HWNAS_HOME": str(tmp_path / "service"), "PYTHONPATH": str(repository)}
    log = tmp_path / "said"
    with log.open("w") as said:
        process = subprocess.Popen(
            [*command, "--service", service.url, "--json"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        )
    until(lambda: "registered as 'board'" in log.read_text() or process.poll() is not None)
    if process.poll() is not None:
        pytest.fail(f"it ended before: {process.communicate()[0]}{log.read_text()}")
    stores = service.stores
    known = stores.agents.find(TENANT, "board")
    assert not stores.keys.is_good(before.key_id), "it has another one now"
    with pytest.raises(HwnasError) as caught:
        add_board(Settings(home=tmp_path / "service"), "pi@board", "", service.url, "")
    assert caught.value.code == "device_busy"
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert known is not None, log.read_text()
    assert json.loads(out) == {"name": "board", "where": "pi@board"}
    shown = (home / ".local/share/hwnas-agent/server.json").stat()
    assert shown.st_mode & 0o077 == 0, "the key is for the user alone"
    assert stores.keys.is_good(known.key_id)


@pytest.mark.parametrize(
    ("says", "status", "code"),
    [
        ("ssh: Could not resolve hostname board: Name or service not known", 255, "ssh_host_unknown"),
        ("pi@board: Permission denied (publickey,password).", 255, "ssh_refused"),
        ("Host key verification failed.", 255, "ssh_refused"),
        ("ssh: connect to host board port 22: Connection refused", 255, "ssh_failed"),
        ("", NO_PYTHON, "python_missing"),
        ("Error: ensurepip is not available", NO_ENVIRONMENT, "venv_failed"),
        ("ERROR: No matching distribution found for hwnas", NO_PACKAGE, "install_failed"),
        ("error[key_in_use]: another agent works as 'board'", 2, "agent_failed"),
    ],
)
def test_what_goes_wrong_is_named_and_leaves_no_key(
    service: Running, programs: Path, tmp_path: Path, says: str, status: int, code: str
) -> None:
    written(programs / "ssh", f"#!/bin/sh\necho '{says.replace(chr(39), '')}' >&2\nexit {status}\n")
    settings = Settings(home=tmp_path / "service")
    registered(service)
    with pytest.raises(HwnasError) as caught:
        add_board(settings, "pi@board", "", service.url, "")
    assert caught.value.code == code
    boards = [key for key in service.stores.keys.list_all(TENANT) if key.name == "board"]
    assert [key.revoked_at_ms > 0 for key in boards] == [True, False], "the one before is as good as it was"


@pytest.mark.parametrize("prefix", ["", "/nas", "/nas/"])
def test_the_agent_is_told_the_prefix_that_a_proxy_gives_the_service(
    service: Running, programs: Path, tmp_path: Path, prefix: str
) -> None:
    written(programs / "ssh", f"#!/bin/sh\nhead -n 1 > {tmp_path}/known\n")
    add_board(Settings(home=tmp_path / "service"), "pi@board", "", service.url + prefix, "")
    told = json.loads((tmp_path / "known").read_text())
    assert urlsplit(told["url"]).hostname == "127.0.0.1"
    assert urlsplit(told["url"]).path == prefix.rstrip("/")


def test_what_is_wrong_beforehand_is_told_before_anything_is_tried(
    service: Running, programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=tmp_path / "service")
    written(programs / "ssh", "#!/bin/sh\nexit 1\n")
    for where, name, url, code in (
        ("-oProxyCommand=x", "", service.url, "invalid_host"),
        ("pi@board", "host", service.url, "invalid_device_name"),
        ("pi@board", "", "http://127.0.0.1:9", "service_unreachable"),
    ):
        with pytest.raises(HwnasError) as caught:
            add_board(settings, where, name, url, "")
        assert caught.value.code == code
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HwnasError) as caught:
        add_board(settings, "pi@board", "", service.url, "")
    assert caught.value.code == "ssh_missing"


def test_the_script_installs_what_is_missing_and_says_where_it_failed(
    service: Running, programs: Path, tmp_path: Path
) -> None:
    home = tmp_path / "board"
    home.mkdir()
    stand_in = STAND_IN.replace("**os.environ, ", "'PATH': {path!r}, ")
    written(
        programs / "ssh", stand_in.format(python=sys.executable, home=str(home), path=str(tmp_path / "empty"))
    )
    tools = tmp_path / "empty"
    tools.mkdir()
    for tool in ("sh", "cat", "kill"):
        found = Path("/bin") / tool
        if found.exists():
            (tools / tool).symlink_to(found)
    settings = Settings(home=tmp_path / "service")
    with pytest.raises(HwnasError) as caught:
        add_board(settings, "pi@board", "", service.url, "")
    assert caught.value.code == "python_missing"
    written(tools / "python3", '#!/bin/sh\n[ "$1" = -c ]\n')
    with pytest.raises(HwnasError) as caught:
        add_board(settings, "pi@board", "", service.url, "")
    assert caught.value.code == "venv_failed"

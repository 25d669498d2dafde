"""Two commands: one shows a code, the other pairs with it; only that certificate is trusted then."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from api.certificates import own_certificate
from hwnas import run
from latency_predictors.agent_protocol import Nothing
from latency_predictors.pairing_code import PairingCode
from nas.settings import Settings
from nas.store.stores import opened_stores
from search_spaces.errors import ArtifactError, UsageError
from tests.workers.jobs_at_work import TENANT, until
from workers import agent_serving
from workers.agent_home import AgentHome, KnownServer
from workers.agent_link import Link, Server
from workers.agent_pairing import server_of
from workers.agent_serving import AgentEnded, Wanted


@contextmanager
def started(repository: Path, home: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A command in a process of its own, and the file of what it says."""
    environment = {**os.environ, "HWNAS_HOME": str(home), "PYTHONPATH": str(repository)}
    said = home / f"{words[0]}.log"
    home.mkdir(exist_ok=True)
    with said.open("w") as log:
        command = [sys.executable, "-c", "import hwnas; hwnas.main()", *words]
        process = subprocess.Popen(command, env=environment, stderr=log, stdout=log, text=True)
    try:
        yield process, said
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def test_a_board_is_paired_with_two_commands_and_stays_so(tmp_path: Path, repository: Path) -> None:
    home, board = tmp_path / "service", tmp_path / "board"
    serve = ["serve", "--lan", "127.0.0.1", "--port", "0", "--no-worker"]
    with started(repository, home, *serve) as (_, shown), opened_stores(Settings(home=home)) as stores:
        until(lambda: "--pair" in shown.read_text())
        (code,) = re.findall(r"--pair (\S+)", shown.read_text())
        agent = ["agent", "--name", "pi5", "--home", str(board)]
        with started(repository, board, *agent, "--pair", code) as (_, said):
            until(lambda: "registered as 'pi5'" in said.read_text())
        assert (board / "server.json").stat().st_mode & 0o077 == 0
        until(lambda: len(re.findall(r"--pair (\S+)", shown.read_text())) == 2)
        _, other = re.findall(r"--pair (\S+)", shown.read_text())
        known = (board / "server.json").read_text()
        _keeps_what_it_knew(tmp_path / "stranger", known, other)
        with started(repository, board, *agent, "--pair", other) as (_, said):
            until(lambda: "registered as 'pi5'" in said.read_text())
        assert (board / "server.json").read_text() != known
        with started(repository, board, *agent) as (_, said):
            until(lambda: "registered as 'pi5'" in said.read_text())
        assert [one.name for one in stores.agents.list_all(TENANT)] == ["pi5"]
        with started(
            repository, tmp_path / "late", "agent", "--home", str(tmp_path / "b2"), "--pair", code
        ) as (
            late,
            said,
        ):
            late.wait(60)
        assert "error[pairing_refused]" in said.read_text()
        _refuses_strangers(code, own_certificate(home / "tls", "").fingerprint)


def _keeps_what_it_knew(folder: Path, known: str, code: str) -> None:
    """Another board that asks for a name that is taken keeps its service, and the code still works."""
    with closing(AgentHome(folder)) as home:
        home.pair(KnownServer.model_validate_json(known))
        with pytest.raises(UsageError) as caught:
            server_of(home, "pi5", url="", token="", code=code)
        assert caught.value.code == "device_name_taken"
    assert (folder / "server.json").read_text() == known


def _refuses_strangers(code: str, fingerprint: str) -> None:
    """Nothing is sent to whoever shows another certificate, nor without a fingerprint."""
    address = f"https://{code.partition('/')[0]}"
    for known in ("0" * 32, ""):
        with pytest.raises(UsageError) as caught:
            Link(Server(address, "hwnas_secret", known)).post("agents/leases", Nothing(), Nothing)
        assert caught.value.code == "certificate_unknown"
    with pytest.raises(UsageError, match="send a key"):
        Link(Server(address, "hwnas_secret", fingerprint)).post("agents/leases", Nothing(), Nothing)


def test_a_key_crosses_no_network_without_encryption_unless_it_is_told_to(tmp_path: Path) -> None:
    with closing(AgentHome(tmp_path)) as home:
        url, known = "http://nas:8265", KnownServer(url="https://nas", key="hwnas_y", fingerprint="")

        def asked(token: str, plain_http: bool) -> str:
            return server_of(home, "pi5", url=url, token=token, code="", plain_http=plain_http).url

        home.pair(known)
        for token in ("hwnas_x", ""):
            with pytest.raises(UsageError) as caught:
                asked(token, False)
            assert caught.value.code == "plain_http"
            assert home.paired() == known
        assert asked("hwnas_x", True) == asked("", True) == url
        with pytest.raises(UsageError) as caught:
            server_of(home, "pi5", url="", token="", code="")
        assert caught.value.code == "plain_http", "not even where it was allowed before"


def test_the_command_line_says_that_a_line_is_safe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Wanted] = []

    def run_agent(wanted: Wanted, *rest: object) -> AgentEnded:
        asked.append(wanted)
        return AgentEnded(name=wanted.name, left="")

    monkeypatch.setattr(agent_serving, "run_agent", run_agent)
    words = ["agent", "--home", str(tmp_path), "--json"]
    assert [run(words), run([*words, "--plain-http"])] == [0, 0]
    assert [one.plain_http for one in asked] == [False, True]


def test_how_the_service_is_known_is_said_once(tmp_path: Path) -> None:
    with closing(AgentHome(tmp_path)) as home:
        asked: dict[str, Any] = {"url": "https://nas", "token": "hwnas_x", "code": ""}
        assert server_of(home, "pi5", **asked) == Server("https://nas", "hwnas_x")
        assert server_of(home, "pi5", **{**asked, "token": "hwnas_x\r\n"}).key == "hwnas_x"
        for wrong in ({"url": ""}, {"token": ""}, {"url": "", "token": ""}):
            with pytest.raises(UsageError) as caught:
                server_of(home, "pi5", **{**asked, **wrong})
            assert caught.value.code == "no_server_known"
        code = str(PairingCode("nas", 1, bytes(16), bytes(10)))
        with pytest.raises(UsageError) as caught:
            server_of(home, "pi5", **{**asked, "code": code})
        assert caught.value.code == "conflicting_options"
        home.pair(KnownServer(url="https://nas:1", key="hwnas_y", fingerprint="ab"))
        known = server_of(home, "pi5", url="", token="", code="")
        assert known == Server("https://nas:1", "hwnas_y", "ab")
        assert "hwnas_y" not in repr(known)
        moved = server_of(home, "pi5", url="https://elsewhere:2", token="", code="")
        assert moved == Server("https://elsewhere:2", "hwnas_y", "ab")
        with pytest.raises(UsageError) as caught:
            server_of(home, "pi5", url="http://elsewhere:2", token="", code="")
        assert caught.value.code == "invalid_server", "its key is sent encrypted, or not at all"
        assert server_of(home, "pi5", url="", token="", code="") == moved
        (tmp_path / "server.json").write_text("{")
        with pytest.raises(ArtifactError, match="pair again"):
            home.paired()

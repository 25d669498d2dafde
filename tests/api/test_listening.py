import socket
from pathlib import Path

import pytest

import hwnas
from api.listening import listening
from search_spaces.errors import UsageError


def code_of(host: str, port: int) -> str:
    """What listening there is refused with."""
    with pytest.raises(UsageError) as caught, listening(host, port):
        pass
    return caught.value.code


def test_a_port_is_listened_at_until_the_end() -> None:
    with listening("127.0.0.1", 0) as (one,):
        port = one.getsockname()[1]
        assert port
        with socket.create_connection(("127.0.0.1", port)):
            assert code_of("127.0.0.1", port) == "port_taken"
    with listening("localhost", port) as (one,):  # at once, though a connection was left
        assert one.getsockname()[1] == port


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "a" * 70, ""])
def test_an_address_of_another_machine_is_refused(host: str) -> None:
    assert code_of(host, 0) == "invalid_address"


def test_a_port_that_only_root_may_have_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: socket.socket, address: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("socket.socket.bind", refuse)
    assert code_of("127.0.0.1", 80) == "port_not_allowed"


def test_the_command_says_that_a_port_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HWNAS_HOME", str(tmp_path / "home"))
    with listening("127.0.0.1", 0) as (one,):
        port = str(one.getsockname()[1])
        assert hwnas.run(["serve", "--no-worker", "--port", port]) == 2
    assert "error[port_taken]" in capsys.readouterr().err

import socket

import pytest

from api import lan
from api.lan import lan_address, own_address
from search_spaces.errors import UsageError


def test_what_this_machine_can_be_reached_at_is_taken() -> None:
    assert lan_address("127.0.0.1") == "127.0.0.1"
    assert lan_address("localhost") == "localhost"


def test_an_interface_stands_for_its_address() -> None:
    if "lo" not in {name for _, name in socket.if_nameindex()}:
        pytest.skip("the loopback interface has another name here")
    assert lan_address("lo") == "127.0.0.1"


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.0.2.7"])
def test_what_boards_cannot_reach_it_at_is_refused_with_what_they_can(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lan, "_ELSEWHERE", ("127.0.0.1", 9))
    with pytest.raises(UsageError, match="`hwnas serve --lan 127.0.0.1`, for example") as caught:
        lan_address(address)
    assert caught.value.code == "invalid_lan_address"


def test_its_own_address_is_the_one_towards_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lan, "_ELSEWHERE", ("127.0.0.1", 9))
    assert own_address() == "127.0.0.1"

"""A code lets one board in, once; whoever guesses ends pairing."""

import httpx2
import pytest

from api.pairing import MAX_WRONG, Pairing
from latency_predictors.agent_protocol import PROTOCOL, PROTOCOL_HEADER
from search_spaces.errors import UsageError
from tests.api.boards import Board
from tests.api.served import Caller, code
from tests.nas.store.boards import INSTANCE, OTHER_INSTANCE


@pytest.fixture
def shown(api: Caller) -> list[bytes]:
    """The codes that were shown."""
    codes: list[bytes] = []
    api.app.state.service.pairing.show(codes.append)
    return codes


def asked(secret: bytes, instance: str = INSTANCE) -> dict[str, str]:
    """What a board sends."""
    return {"secret": secret.hex(), "name": "pi5", "instance": instance}


def pair(api: Caller, body: dict[str, str], version: int = PROTOCOL) -> httpx2.Response:
    """Ask for a key."""
    return api.client.post("/v1/agents/pair", json=body, headers={PROTOCOL_HEADER: str(version)})


def test_an_agent_of_another_version_uses_no_code_up(api: Caller, shown: list[bytes]) -> None:
    for version, expected in ((PROTOCOL - 1, "agent_outdated"), (PROTOCOL + 1, "agent_newer")):
        assert code(pair(api, asked(shown[0]), version)) == (426, expected)
    assert pair(api, asked(shown[0])).status_code == 200


def test_a_board_whose_key_has_ended_hears_how_it_gets_another(api: Caller, shown: list[bytes]) -> None:
    key = pair(api, asked(shown[0])).json()["key"]
    api.stores.keys.revoke("local", key.split("_")[1])
    answer = Board(Caller(api.app, api.stores, api.client, key)).register()
    assert code(answer) == (401, "not_authenticated")
    assert "hwnas agent --pair CODE" in answer.json()["detail"]


def test_a_board_with_the_code_gets_a_key_for_itself_and_the_next_code_is_shown(
    api: Caller, shown: list[bytes]
) -> None:
    answer = pair(api, asked(shown[0]))
    key = answer.json()["key"]
    board = Board(Caller(api.app, api.stores, api.client, key))
    assert board.register().status_code == 200
    assert code(board.api.get("/v1/searches"))[0] == 403, "it is good for nothing else"
    assert len(shown) == 2
    assert shown[1] != shown[0]
    (noted, *_) = [one for one in api.stores.audit.last("local") if one.action == "key.create"]
    assert noted.owner == "pi5"


def test_a_code_works_once(api: Caller, shown: list[bytes]) -> None:
    body = asked(shown[0])
    assert pair(api, body).status_code == 200
    assert code(pair(api, body)) == (422, "pairing_refused")


def test_without_a_code_nobody_pairs(api: Caller) -> None:
    answer = pair(api, asked(bytes(10)))
    assert code(answer) == (422, "pairing_refused")


def test_a_board_that_pairs_again_gets_another_key_and_the_one_before_ends_once_it_registers(
    api: Caller, shown: list[bytes]
) -> None:
    key = pair(api, asked(shown[0])).json()["key"]
    first = Board(Caller(api.app, api.stores, api.client, key))
    assert first.register().status_code == 200
    agent = first.agent
    key = pair(api, asked(shown[1])).json()["key"]
    again = Board(Caller(api.app, api.stores, api.client, key))
    assert api.stores.keys.is_good(agent.key_id), "it may still change its mind"
    assert again.register().status_code == 200
    assert again.agent.id == agent.id
    assert not api.stores.keys.is_good(agent.key_id)
    newest = [(one.action, one.subject) for one in api.stores.audit.last("local")]
    assert ("key.revoke", agent.key_id) in newest


def test_another_board_does_not_get_the_name_and_the_code_still_works(
    api: Caller, shown: list[bytes]
) -> None:
    key = pair(api, asked(shown[0])).json()["key"]
    board = Board(Caller(api.app, api.stores, api.client, key))
    board.register()
    other = asked(shown[1], OTHER_INSTANCE)
    assert code(pair(api, other)) == (409, "device_name_taken")
    assert len(shown) == 2
    api.stores.keys.revoke("local", board.agent.key_id)
    assert pair(api, other).status_code == 200


def test_who_guesses_ends_pairing_for_all(api: Caller) -> None:
    codes: list[bytes] = []
    pairing = Pairing(api.stores.keys, api.stores.agents, "local")
    pairing.show(codes.append)
    for number in range(MAX_WRONG):
        with pytest.raises(UsageError):
            pairing.redeem(number.to_bytes(10, "big"), "pi5", INSTANCE, "")
    with pytest.raises(UsageError, match="start `hwnas serve --lan` again") as caught:
        pairing.redeem(codes[0], "pi5", INSTANCE, "")
    assert caught.value.code == "pairing_refused"


def test_who_mistypes_now_and_then_does_not_end_pairing(api: Caller) -> None:
    codes: list[bytes] = []
    pairing = Pairing(api.stores.keys, api.stores.agents, "local")
    pairing.show(codes.append)
    for number in range(2 * (MAX_WRONG - 1)):
        if number == MAX_WRONG - 1:
            pairing.redeem(codes[-1], "pi5", INSTANCE, "")
        with pytest.raises(UsageError, match="shows the one that works"):
            pairing.redeem(number.to_bytes(10, "big"), "pi5", INSTANCE, "")
    assert pairing.redeem(codes[-1], "pi6", INSTANCE, "").startswith("hwnas_")

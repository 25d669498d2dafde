"""A code lets one board in, once; whoever guesses ends pairing."""

import pytest

from api.pairing import MAX_WRONG, Pairing
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


def test_a_board_with_the_code_gets_a_key_for_itself_and_the_next_code_is_shown(
    api: Caller, shown: list[bytes]
) -> None:
    answer = api.client.post("/v1/agents/pair", json=asked(shown[0]))
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
    assert api.client.post("/v1/agents/pair", json=body).status_code == 200
    assert code(api.client.post("/v1/agents/pair", json=body)) == (422, "pairing_refused")


def test_without_a_code_nobody_pairs(api: Caller) -> None:
    answer = api.client.post("/v1/agents/pair", json=asked(bytes(10)))
    assert code(answer) == (422, "pairing_refused")


def test_a_board_that_pairs_again_gets_another_key_and_the_one_before_ends_once_it_registers(
    api: Caller, shown: list[bytes]
) -> None:
    key = api.client.post("/v1/agents/pair", json=asked(shown[0])).json()["key"]
    first = Board(Caller(api.app, api.stores, api.client, key))
    assert first.register().status_code == 200
    agent = first.agent
    key = api.client.post("/v1/agents/pair", json=asked(shown[1])).json()["key"]
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
    key = api.client.post("/v1/agents/pair", json=asked(shown[0])).json()["key"]
    board = Board(Caller(api.app, api.stores, api.client, key))
    board.register()
    other = asked(shown[1], OTHER_INSTANCE)
    assert code(api.client.post("/v1/agents/pair", json=other)) == (409, "device_name_taken")
    assert len(shown) == 2
    api.stores.keys.revoke("local", board.agent.key_id)
    assert api.client.post("/v1/agents/pair", json=other).status_code == 200


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

import asyncio

import pytest

from api.guesses import GUESSES, Guesses
from tests.api.served import Caller, new_key


def test_an_address_that_guessed_too_often_still_has_keys_looked_up_that_exist(
    api: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    guesses, made = Guesses(api.stores.keys), api.key.split("_")[1]

    async def looked_up(address: str, *key_ids: str) -> list[bool]:
        return [await guesses.may_look_up(address, key_id) for key_id in key_ids]

    assert asyncio.run(looked_up("a", "none", made)) == [True, True]
    for _ in range(int(GUESSES)):
        guesses.count("a")
    assert asyncio.run(looked_up("a", "none", made)) == [False, True]
    assert asyncio.run(looked_up("b", "none", made)) == [True, True]
    # A key that is newer than the list is found by the next one.
    newer = new_key(api.stores, ["read"]).split("_")[1]
    assert asyncio.run(looked_up("a", newer)) == [False]
    monkeypatch.setattr(guesses, "_list_at", 0.0)
    assert asyncio.run(looked_up("a", "none", newer)) == [False, True]

import asyncio

import pytest

from api.login import LoginLinks
from api.security import AccessError, Gate
from tests.api.served import Caller


def test_a_link_works_once(api: Caller) -> None:
    links = LoginLinks(api.stores.keys, "local")
    token = links.make()
    who = asyncio.run(Gate(api.stores.keys, 1.0).principal(links.follow(token), "127.0.0.1"))
    assert who is not None
    assert (who.tenant, who.owner) == ("local", "browser")
    with pytest.raises(AccessError) as caught:
        links.follow(token)
    assert caught.value.code == "login_used"


def test_the_link_of_another_server_is_none(api: Caller) -> None:
    token = LoginLinks(api.stores.keys, "local").make()
    with pytest.raises(AccessError):
        LoginLinks(api.stores.keys, "local").follow(token)

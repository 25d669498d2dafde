from pathlib import Path

import pytest

from api.key_commands import create_key, list_keys, revoke_key
from api.keys import read_key
from nas.settings import Settings
from search_spaces.errors import UsageError


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


def test_a_key_is_made_shown_once_and_revoked(settings: Settings) -> None:
    made = create_key(settings, "laptop", ["read"], days=1.0)
    read = read_key(made.key)
    assert read is not None
    assert read.id == made.id
    (line,) = list_keys(settings).keys
    assert (line.id, line.name, line.scopes, line.revoked_at) == (made.id, "laptop", ("read",), None)
    assert line.expires_at is not None
    assert read.secret not in list_keys(settings).model_dump_json()
    assert revoke_key(settings, made.id).revoked_at is not None


@pytest.mark.parametrize("name", ["", "a" * 101, "a\nb"])
def test_a_name_that_is_none_is_refused(settings: Settings, name: str) -> None:
    with pytest.raises(UsageError) as caught:
        create_key(settings, name, ["read"], days=None)
    assert caught.value.code == "invalid_key_name"


def test_an_unknown_key_is_said(settings: Settings) -> None:
    with pytest.raises(UsageError) as caught:
        revoke_key(settings, "none")
    assert caught.value.code == "unknown_key"

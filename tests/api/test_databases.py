"""`hwnas db upgrade` brings a schema up to date, and refuses what it does not know."""

from pathlib import Path

import pytest
from sqlalchemy import text

from api.databases import upgrade_database
from nas.settings import Settings
from nas.store.schema import newest_version
from nas.store.session import open_engine, writing
from search_spaces.errors import StoreError, UsageError
from tests.api.test_searches import drawn


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


def test_an_empty_database_gets_the_newest_schema(settings: Settings) -> None:
    upgraded = upgrade_database(settings)
    assert (upgraded.version_before, upgraded.version) == ("", newest_version())
    assert upgraded.database == settings.database_url
    assert f"schema none → {newest_version()}" in drawn(upgraded)


def test_doing_it_twice_does_nothing(settings: Settings) -> None:
    upgrade_database(settings)
    again = upgrade_database(settings)
    assert again.version_before == newest_version()
    assert f"has schema {newest_version()} already" in drawn(again)


def test_a_newer_schema_is_refused_and_left_alone(settings: Settings) -> None:
    upgrade_database(settings)
    engine = open_engine(settings.database_url)
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'r9999'"))
    with pytest.raises(StoreError) as caught:
        upgrade_database(settings)
    assert caught.value.code == "database_newer"
    with writing(engine) as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == "r9999"
    engine.dispose()


def test_passwords_are_not_shown(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, database_url="mysql://ann:secret@db/hwnas")
    with pytest.raises(UsageError) as caught:
        upgrade_database(settings)
    assert caught.value.code == "invalid_database_url"
    assert "secret" not in caught.value.message

"""Where things are kept."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from nas.settings import WORLD_G_PER_KWH, Settings
from search_spaces.errors import UsageError


def test_the_environment_names_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HWNAS_HOME", str(tmp_path))
    settings = Settings()
    assert settings.home == tmp_path
    assert settings.searches == tmp_path / "searches"


def test_without_it_things_are_kept_in_the_users_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HWNAS_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Settings().home == tmp_path / ".local" / "share" / "hwnas"


def test_settings_are_read_once_and_make_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HWNAS_HOME", str(tmp_path / "first"))
    settings = Settings()
    monkeypatch.setenv("HWNAS_HOME", str(tmp_path / "second"))
    assert settings.home == tmp_path / "first"
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValidationError):
        settings.home = tmp_path


def test_a_home_may_start_with_a_tilde_or_be_relative(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HWNAS_HOME", "~/searches")
    assert Settings().home == tmp_path / "searches"
    monkeypatch.setenv("HWNAS_HOME", "here")
    assert Settings().home == tmp_path / "here"


def test_database_and_artifacts_are_kept_at_home_unless_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HWNAS_HOME", str(tmp_path))
    settings = Settings()
    assert settings.database_url == f"sqlite:///{tmp_path}/hwnas.db"
    assert settings.artifact_url == str(tmp_path / "artifacts")
    assert settings.artifact_cache == tmp_path / "artifact-cache"
    monkeypatch.setenv("HWNAS_DATABASE_URL", "postgresql://ann:hunter2@host/jobs")
    monkeypatch.setenv("HWNAS_ARTIFACT_URL", "s3://bucket/prefix")
    settings = Settings()
    assert settings.database_url == "postgresql://ann:hunter2@host/jobs"
    assert settings.artifact_url == "s3://bucket/prefix"
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize("value", ["green", "-1", "nan", "1e9"])
def test_a_factor_that_is_no_number_is_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HWNAS_GRID_G_PER_KWH", value)
    with pytest.raises(UsageError, match=f"HWNAS_GRID_G_PER_KWH is '{value}'") as caught:
        Settings()
    assert caught.value.code == "invalid_setting"


def test_the_grid_is_yours(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().grid_g_per_kwh == WORLD_G_PER_KWH
    monkeypatch.setenv("HWNAS_GRID_G_PER_KWH", "31.5")
    monkeypatch.setenv("HWNAS_GRID_SOURCE", "my supplier, 2025")
    assert (Settings().grid_g_per_kwh, Settings().grid_source) == (31.5, "my supplier, 2025")
    assert Settings().as_environment()["HWNAS_GRID_G_PER_KWH"] == "31.5"


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5", "²"])
def test_a_number_of_workers_that_is_none_is_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HWNAS_TRAINING_WORKERS", value)
    with pytest.raises(UsageError, match=f"HWNAS_TRAINING_WORKERS is '{value}'") as caught:
        Settings()
    assert caught.value.code == "invalid_setting"


def test_trainings_are_shared_by_as_many_workers_as_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().training_workers == 1
    monkeypatch.setenv("HWNAS_TRAINING_WORKERS", "4")
    assert Settings().training_workers == 4
    assert Settings().as_environment()["HWNAS_TRAINING_WORKERS"] == "4"

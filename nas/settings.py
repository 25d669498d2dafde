"""Settings of a process: read once from the environment, frozen, passed down."""

from pathlib import Path
from typing import Any

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


def _default_home() -> Path:
    return Path("~/.local/share/hwnas").expanduser()


def _database_in_home(validated: dict[str, Any]) -> str:
    return f"sqlite:///{validated['home']}/hwnas.db"


def _artifacts_in_home(validated: dict[str, Any]) -> str:
    return str(validated["home"] / "artifacts")


class Settings(BaseSettings):
    """Where things are kept.

    Attributes:
        home: Folder of lookup tables, supernets and searches (`HWNAS_HOME`).
        database_url: Where jobs and results are kept (`HWNAS_DATABASE_URL`): `sqlite:///PATH`, by default a
            file in `home`, or `postgresql://USER@HOST/NAME`.
        artifact_url: Where files are kept (`HWNAS_ARTIFACT_URL`): a folder, by default one in `home`, or what
            fsspec knows, like `s3://bucket/prefix`.
    """

    model_config = SettingsConfigDict(env_prefix="HWNAS_", frozen=True)

    home: Path = Field(default_factory=_default_home)
    # Not shown: an address may hold a password.
    database_url: str = Field(default_factory=_database_in_home, repr=False)
    artifact_url: str = Field(default_factory=_artifacts_in_home, repr=False)

    @field_validator("home")
    @classmethod
    def _whole_path(cls, home: Path) -> Path:
        return home.expanduser().absolute()

    @property
    def artifact_cache(self) -> Path:
        """Folder for copies of artifacts that are kept elsewhere."""
        return self.home / "artifact-cache"

    @property
    def tables(self) -> Path:
        """Folder of lookup tables and of the measuring lease."""
        return self.home / "tables"

    @property
    def supernets(self) -> Path:
        """Folder of supernets and their checkpoints."""
        return self.home / "supernets"

    @property
    def searches(self) -> Path:
        """Folder with a folder for each search."""
        return self.home / "searches"

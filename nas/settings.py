"""Settings of a process: read once from the environment, frozen, passed down."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


def _default_home() -> Path:
    return Path("~/.local/share/hwnas").expanduser()


def _database_in_home(validated: dict[str, Any]) -> str:
    return f"sqlite:///{validated['home']}/hwnas.db"


def _artifacts_in_home(validated: dict[str, Any]) -> str:
    return str(validated["home"] / "artifacts")


class Settings(BaseSettings):
    """Where things are kept, and who asks.

    Attributes:
        home: Folder of everything that is not told to be elsewhere (`HWNAS_HOME`).
        database_url: Where jobs and results are kept (`HWNAS_DATABASE_URL`): `sqlite:///PATH`, by default a
            file in `home`, or `postgresql://USER@HOST/NAME`.
        artifact_url: Where files are kept (`HWNAS_ARTIFACT_URL`): a folder, by default one in `home`, or what
            fsspec knows, like `s3://bucket/prefix`.
        tenant: Whose jobs these are (`HWNAS_TENANT`).
        ray_address: Head of a Ray cluster to join, `HOST:PORT` (`HWNAS_RAY_ADDRESS`); a Ray of our own is
            started if not given.
        when_busy: What measuring on this machine does while other work keeps it busy (`HWNAS_WHEN_BUSY`):
            `measure` waits a little, then measures and marks what was found as suspect; `refuse` waits, then
            refuses; `ignore` does not look.
    """

    model_config = SettingsConfigDict(env_prefix="HWNAS_", frozen=True)

    home: Path = Field(default_factory=_default_home)
    # Not shown: an address may hold a password.
    database_url: str = Field(default_factory=_database_in_home, repr=False)
    artifact_url: str = Field(default_factory=_artifacts_in_home, repr=False)
    tenant: str = "local"
    ray_address: str = ""
    when_busy: Literal["measure", "refuse", "ignore"] = "measure"

    @field_validator("home")
    @classmethod
    def _whole_path(cls, home: Path) -> Path:
        return home.expanduser().absolute()

    @property
    def artifact_cache(self) -> Path:
        """Folder for copies of artifacts that are kept elsewhere."""
        return self.home / "artifact-cache"

    def as_environment(self) -> dict[str, str]:
        """Return these settings as variables, for another process."""
        return {f"HWNAS_{name.upper()}": str(value) for name, value in self}

    @property
    def searches(self) -> Path:
        """Folder with a folder for each search."""
        return self.home / "searches"


class ServerSettings(BaseSettings):
    """How a client finds a service and is let in.

    Attributes:
        server: Address of the service that commands ask (`HWNAS_SERVER`); the store on this machine if empty.
        key: What lets them in (`HWNAS_KEY`).
    """

    model_config = SettingsConfigDict(env_prefix="HWNAS_", frozen=True)

    server: str = ""
    key: str = Field(default="", repr=False)

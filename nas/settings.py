"""Settings of a process: read once from the environment, frozen, passed down."""

import math
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from search_spaces.errors import UsageError

WORLD_G_PER_KWH: Final = 473.0
WORLD_SOURCE: Final = "world average of 2024, Ember: Global Electricity Review 2025"
_LARGEST: Final = 3000.0
"""No grid and no processor has more, in g/kWh or watts a core."""
_MOST: Final = 1_000_000


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
        training_workers: Processes that train one network together, on Ray (`HWNAS_TRAINING_WORKERS`).
        when_busy: What measuring on this machine does while other work keeps it busy (`HWNAS_WHEN_BUSY`):
            `measure` waits a little, then measures and marks what was found as suspect; `refuse` waits, then
            refuses; `ignore` does not look, and measures nothing again that was disturbed.
        meter_log: CSV file that a meter of yours writes while this machine measures (`HWNAS_METER_LOG`). It
            is read instead of the machine's own meters where energy is optimised or limited.
        watts_per_core: Power of a busy processor, assumed where no counter tells it (`HWNAS_WATTS_PER_CORE`).
            By default 12, as Lannelongue et al. take it for any processor (*Green Algorithms: Quantifying the
            Carbon Footprint of Computation*, 2021).
        grid_g_per_kwh: Grams of CO2 equivalent for a kilowatt hour of your grid (`HWNAS_GRID_G_PER_KWH`).
        grid_source: Where that factor comes from (`HWNAS_GRID_SOURCE`).
        requests_per_s: Requests that a key may make in a second, for long, of one replica of the service
            (`HWNAS_REQUESTS_PER_S`); for moments more.
        max_open_jobs: Jobs that a tenant may have queued, running or waiting before the service takes no
            more (`HWNAS_MAX_OPEN_JOBS`).
        max_stored_gb: Of uploaded data sets a tenant, in units of 10^9 bytes (`HWNAS_MAX_STORED_GB`).
    """

    model_config = SettingsConfigDict(env_prefix="HWNAS_", frozen=True)

    home: Path = Field(default_factory=_default_home)
    # Not shown: an address may hold a password.
    database_url: str = Field(default_factory=_database_in_home, repr=False)
    artifact_url: str = Field(default_factory=_artifacts_in_home, repr=False)
    tenant: str = "local"
    ray_address: str = ""
    training_workers: int = 1
    when_busy: Literal["measure", "refuse", "ignore"] = "measure"
    meter_log: str = ""
    watts_per_core: float = 12.0
    grid_g_per_kwh: float = WORLD_G_PER_KWH
    grid_source: str = WORLD_SOURCE
    requests_per_s: int = 50
    max_open_jobs: int = 200
    max_stored_gb: int = 100

    @field_validator("home")
    @classmethod
    def _whole_path(cls, home: Path) -> Path:
        return home.expanduser().absolute()

    @field_validator("watts_per_core", "grid_g_per_kwh", mode="before")
    @classmethod
    def _number(cls, value: Any, info: ValidationInfo) -> float:
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not 0 <= number <= _LARGEST:
            raise UsageError(
                "invalid_setting",
                f"HWNAS_{str(info.field_name).upper()} is '{value}': give a number from 0 to {_LARGEST:g}",
            )
        return number

    @field_validator("requests_per_s", "max_open_jobs", "max_stored_gb", "training_workers", mode="before")
    @classmethod
    def _limit(cls, value: Any, info: ValidationInfo) -> int:
        try:
            number = int(value)
        except ValueError:
            number = 0
        if not 1 <= number <= _MOST:
            raise UsageError(
                "invalid_setting",
                f"HWNAS_{str(info.field_name).upper()} is '{value}': give a whole number from 1 to {_MOST}",
            )
        return number

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

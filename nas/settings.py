"""Settings of a process: read once from the environment, frozen, passed down."""

from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


def _default_home() -> Path:
    return Path("~/.local/share/hwnas").expanduser()


class Settings(BaseSettings):
    """Where things are kept.

    Attributes:
        home: Folder of lookup tables, supernets and searches (`HWNAS_HOME`).
    """

    model_config = SettingsConfigDict(env_prefix="HWNAS_", frozen=True)

    home: Path = Field(default_factory=_default_home)

    @field_validator("home")
    @classmethod
    def _whole_path(cls, home: Path) -> Path:
        return home.expanduser().absolute()

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

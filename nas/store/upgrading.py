"""Running the migrations. The only module that loads Alembic, and it is loaded where there is one to run."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

MIGRATIONS: Final = Path(__file__).parent / "migrations"


def migrate(connection: Connection, version: str = "head") -> None:
    """Bring a schema to a version, in the transaction of a connection."""
    config = configuration()
    config.attributes["connection"] = connection
    command.upgrade(config, version)


def configuration() -> Config:
    """Return where Alembic finds the migrations."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config

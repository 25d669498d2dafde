"""The database's schema, brought up to date."""

from rich.text import Text

from nas.results import Document
from nas.settings import Settings
from nas.store.schema import newest_version, schema_version, upgrade
from nas.store.session import open_engine


class Upgraded(Document):
    """A database whose schema is this program's."""

    database: str
    version_before: str
    version: str

    def __rich__(self) -> Text:
        """Say what happened."""
        if self.version_before == self.version:
            return Text(f"{self.database} has schema {self.version} already")
        return Text(f"{self.database}: schema {self.version_before or 'none'} → {self.version}")


def upgrade_database(settings: Settings) -> Upgraded:
    """Bring the database's schema up to date; doing it twice does nothing.

    Raises:
        StoreError: `database_newer`, `database_unreachable`, ...
        UsageError: `invalid_database_url`.
    """
    engine = open_engine(settings.database_url)
    try:
        before = schema_version(engine)
        upgrade(engine)
    finally:
        engine.dispose()
    shown = engine.url.render_as_string(hide_password=True)
    return Upgraded(database=shown, version_before=before, version=newest_version())

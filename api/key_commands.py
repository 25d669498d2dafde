"""Keys, as the command line makes and shows them."""

from collections.abc import Sequence

from pydantic import Field
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from api.keys import KeyText, Scope
from api.resources.times import rfc3339, rfc3339_or_none
from nas.results import Document
from nas.settings import Settings
from nas.store.key_store import StoredKey
from nas.store.stores import opened_stores
from search_spaces.errors import UsageError

_DAY_MS = 24 * 3_600_000


class KeyLine(Document):
    """A key, without its secret."""

    id: str
    name: str
    owner: str
    scopes: tuple[str, ...]
    created_at: str
    expires_at: str | None
    revoked_at: str | None

    def __rich__(self) -> Text:
        """Say how it stands."""
        return Text(f"key {self.id} ({self.name}): {_state(self)}")


class KeyList(Document):
    """All keys, newest first."""

    keys: tuple[KeyLine, ...]

    def __rich__(self) -> RenderableType:
        """Draw one line each."""
        if not self.keys:
            return Text("No keys yet: `hwnas keys create NAME` makes one.")
        table = Table("key", "name", "scopes", "made", "state", box=None)
        for key in self.keys:
            table.add_row(key.id, key.name, " ".join(key.scopes), key.created_at[:10], _state(key))
        return table


class NewKey(Document):
    """A key that was made just now: the only time that it is shown.

    Attributes:
        key: The whole key, a secret.
    """

    id: str
    name: str
    scopes: tuple[str, ...]
    expires_at: str | None
    key: str = Field(repr=False)

    def __rich__(self) -> Text:
        """Show it, once."""
        return Text(
            f"{self.key}\n\nKeep it: it is shown this once. Send it as `Authorization: Bearer KEY`;\n"
            f"`hwnas keys revoke {self.id}` ends it.",
            no_wrap=True,
            overflow="ignore",
        )


def create_key(settings: Settings, name: str, scopes: Sequence[str], days: float | None) -> NewKey:
    """Make a key.

    Args:
        settings: Where keys are kept.
        name: For people: whose it is, or which program's.
        scopes: What it is good for.
        days: Until it expires; None for never.

    Raises:
        UsageError: `invalid_key_name`.
    """
    if not 1 <= len(name) <= 100 or not name.isprintable():
        raise UsageError("invalid_key_name", "the name of a key has 1 to 100 printable characters")
    lifetime_ms = round(days * _DAY_MS) if days else 0
    with opened_stores(settings) as stores:
        key, secret = stores.keys.create(
            settings.tenant, name, [Scope(scope).value for scope in scopes], lifetime_ms=lifetime_ms
        )
    return NewKey(
        id=key.id,
        name=key.name,
        scopes=key.scopes,
        expires_at=rfc3339_or_none(key.expires_at_ms),
        key=str(KeyText(key.id, secret)),
    )


def list_keys(settings: Settings) -> KeyList:
    """Return all keys."""
    with opened_stores(settings) as stores:
        return KeyList(keys=tuple(_line(key) for key in stores.keys.list_all(settings.tenant)))


def revoke_key(settings: Settings, key_id: str) -> KeyLine:
    """End a key: within seconds nobody gets in with it.

    Raises:
        UsageError: `unknown_key`.
    """
    with opened_stores(settings) as stores:
        return _line(stores.keys.revoke(settings.tenant, key_id))


def _line(key: StoredKey) -> KeyLine:
    return KeyLine(
        id=key.id,
        name=key.name,
        owner=key.owner,
        scopes=key.scopes,
        created_at=rfc3339(key.created_at_ms),
        expires_at=rfc3339_or_none(key.expires_at_ms),
        revoked_at=rfc3339_or_none(key.revoked_at_ms),
    )


def _state(key: KeyLine) -> str:
    if key.revoked_at:
        return f"revoked {key.revoked_at[:10]}"
    return f"until {key.expires_at[:10]}" if key.expires_at else "good"

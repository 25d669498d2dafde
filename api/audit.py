"""The log of changes, as the command line shows and checks it."""

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from api.resources.times import rfc3339
from nas.results import Document
from nas.settings import Settings
from nas.store.stores import opened_stores


class Change(Document):
    """A change that somebody made.

    Attributes:
        key: Identifier of their key; empty on the command line of the server.
        subject: What was changed: an identifier.
        request: Of the service, by its id; empty likewise.
    """

    at: str
    owner: str
    key: str
    action: str
    subject: str
    request: str


class ChangeList(Document):
    """The last changes, newest first."""

    changes: tuple[Change, ...]

    def __rich__(self) -> RenderableType:
        """Draw one line each."""
        if not self.changes:
            return Text("Nothing was changed through the service yet.")
        table = Table("at (UTC)", "who", "key", "did", "to", box=None)
        for one in self.changes:
            table.add_row(one.at[:19].replace("T", " "), one.owner, one.key, one.action, one.subject)
        return table


class LogState(Document):
    """Whether the log is whole.

    Attributes:
        last_digest: Kept elsewhere, it tells later whether changes were cut off.
        broken_at: Number of the first row that is not what it was; null where the chain holds.
        has_kept: Whether a digest that was kept is in it; true where none was given.
        failed: Whether something is wrong.
    """

    num_changes: int
    last_digest: str
    broken_at: int | None
    has_kept: bool
    failed: bool

    def __rich__(self) -> Text:
        """Say so."""
        lines = [f"{self.num_changes} changes; the last digest is {self.last_digest or 'none yet'}"]
        if self.broken_at is not None:
            lines = [f"row {self.broken_at} is not what it was: {self.num_changes} changes before it are"]
        elif not self.has_kept:
            lines.append(
                "the digest that you kept is not among them: changes were cut off, or it is another's"
            )
        else:
            lines.append("every one is what it was")
        return Text("\n".join(lines), no_wrap=True, overflow="ignore")


def list_changes(settings: Settings, num: int) -> ChangeList:
    """Return the last changes of the tenant."""
    with opened_stores(settings) as stores:
        found = stores.audit.last(settings.tenant, num)
    return ChangeList(
        changes=tuple(
            Change(
                at=rfc3339(one.at_ms),
                owner=one.owner,
                key=one.key_id,
                action=one.action,
                subject=one.subject,
                request=one.request_id,
            )
            for one in found
        )
    )


def check_log(settings: Settings, kept: str) -> LogState:
    """Work the chain of digests out again.

    Args:
        settings: Where the log is.
        kept: A digest that was the last one once; empty where none was kept.
    """
    with opened_stores(settings) as stores:
        found = stores.audit.check(settings.tenant, kept)
    return LogState(**vars(found), failed=found.broken_at is not None or not found.has_kept)

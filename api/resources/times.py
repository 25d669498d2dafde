"""Times as clients get them: RFC 3339, UTC."""

from datetime import UTC, datetime


def rfc3339(ms: int) -> str:
    """Return a time in milliseconds since 1970 as text."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def rfc3339_or_none(ms: int) -> str | None:
    """Return the same, None for 0, which stands for never."""
    return rfc3339(ms) if ms else None

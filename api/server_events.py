"""Server-sent events, read from the lines of a stream."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class ServerEvent:
    """One event.

    Attributes:
        kind: `message` where the server names none.
        data: Its lines, joined.
    """

    kind: str
    data: str


def events_of(lines: Iterable[str]) -> Iterator[ServerEvent]:
    """Yield the events of a stream; one that its end cuts off is dropped, as the standard wants it."""
    kind, data = "", list[str]()
    for line in lines:
        if not line:
            if data:
                yield ServerEvent(kind or "message", "\n".join(data))
            kind, data = "", []
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            kind = value
        elif name == "data":
            data.append(value)

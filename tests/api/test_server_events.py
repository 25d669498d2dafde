import pytest

from api.server_events import ServerEvent, events_of


@pytest.mark.parametrize(
    ("text", "events"),
    [
        ("event: queued\nid: 1\ndata: {}\n\n", [ServerEvent("queued", "{}")]),
        ("data: a\ndata: b\n\n", [ServerEvent("message", "a\nb")]),
        (": hello\nretry: 1000\n\n", []),
        ("event:x\ndata:y\n\nevent: cut\ndata: off", [ServerEvent("x", "y")]),
        ("event: nothing\n\ndata: z\n\n", [ServerEvent("message", "z")]),
        ("data:  two\n\n", [ServerEvent("message", " two")]),
        ("data: a: b\n\n", [ServerEvent("message", "a: b")]),
    ],
)
def test_events_are_read_from_lines(text: str, events: list[ServerEvent]) -> None:
    assert list(events_of(text.split("\n"))) == events

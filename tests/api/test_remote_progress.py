import io
from typing import Any

from api.remote_progress import EventLines
from api.resources.jobs import EventResource


def event(kind: str, **data: Any) -> EventResource:
    return EventResource(id=1, attempt=2, kind=kind, at="2026-01-02T03:04:05Z", data=data)


def test_a_phase_is_told_when_it_begins_and_every_ten_seconds() -> None:
    written, now = io.StringIO(), [0.0]
    lines = EventLines(written, lambda: now[0])
    for second in range(25):
        now[0] = 1000.0 + second
        lines(event("progress", phase="train", done=second, total=25, note="epoch"))
    lines(event("progress", phase="verify", done=0, total=0, note=""))
    assert written.getvalue().splitlines() == [
        "train         0 %  epoch",
        "train        40 %  epoch",
        "train        80 %  epoch",
        "verify",
    ]


def test_messages_and_faults_are_told_in_one_line() -> None:
    written = io.StringIO()
    lines = EventLines(written)
    lines(event("message", text="a table\x1b[2J\nis there"))
    lines(event("queued", fault="lost_node", message="the machine is gone", delay_ms=1000))
    lines(event("running"))
    assert written.getvalue().splitlines() == [
        "a table [2J is there",
        "attempt 2 failed: the machine is gone",
    ]

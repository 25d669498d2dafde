"""Progress tells the time left honestly, in bars on a terminal and in few lines elsewhere."""

import io

import pytest
from rich.console import Console
from rich.progress import Progress as Bars

from workers.progress import (
    BarProgress,
    NoteColumn,
    PlainProgress,
    TimeColumn,
    shown_progress,
)


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_lines_come_at_the_beginning_every_ten_seconds_and_at_the_end() -> None:
    stream, clock = io.StringIO(), Clock()
    progress = PlainProgress(stream, clock)
    progress.step("train", 0, 1)
    for done in range(1, 31):
        clock.now += 1.0
        progress.step("train", done, 60, "epochs")
    progress.step("train", 1, 1)
    progress.step("train", 1, 1)
    assert stream.getvalue().splitlines() == [
        "train",
        "train: epochs, 16 %, 50 s left",
        "train: epochs, 33 %, 40 s left",
        "train: epochs, 50 %, 30 s left",
        "train: took 30 s",
    ]


def test_messages_are_lines() -> None:
    stream = io.StringIO()
    with shown_progress(stream) as progress:
        progress.say("phase profile is done already")
    assert stream.getvalue() == "phase profile is done already\n"


def test_a_terminal_gets_a_bar_for_each_phase() -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=100, color_system=None)
    with Bars("{task.description}", TimeColumn(), NoteColumn(), console=console, auto_refresh=False) as bars:
        progress = BarProgress(bars, Clock())
        progress.step("profile", 0, 1)
        progress.step("profile", 1, 1)
        progress.step("train", 5, 10, "[epoch] 5")
        progress.say("[x] as it is")
        bars.refresh()
    last = {line.split()[0]: line for line in stream.getvalue().splitlines() if line.strip()}
    assert "took 0.0 s" in last["profile"]
    assert "[epoch] 5" in last["train"]
    assert "[x] as it is" in stream.getvalue()


def test_a_dumb_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    with shown_progress(stream) as progress:
        progress.step("train", 0, 1)
    assert stream.getvalue() == "train\n"

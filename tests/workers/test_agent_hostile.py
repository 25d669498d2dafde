"""An agent whose service is not what it should be: whatever answers, the board keeps to what it may do."""

import hashlib
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

import pytest

from benchmarks.fleet import SimulatedBoard
from latency_predictors.agent_protocol import Registered, Work, WorkAnswer
from latency_predictors.measure import LAYER_PROTOCOL
from search_spaces.errors import HwnasError
from tests.latency_predictors.sessions import CONTEXT
from tests.latency_predictors.timed_sessions import timed_session
from tests.workers.boards_at_work import Ended
from workers.agent import Agent
from workers.agent_home import AgentHome
from workers.agent_link import Link, Server
from workers.agent_means import Means

CONTENT: Final = b"a file to measure"
FILES: Final = {"1" * 64: hashlib.sha256(CONTENT).hexdigest(), "2" * 64: hashlib.sha256(CONTENT).hexdigest()}
WORK: Final = Work(
    lease="a" * 32,
    attempt=1,
    context=CONTEXT,
    timing=LAYER_PROTOCOL,
    files=FILES,
    sessions=1,
    reference_ms={},
)
NASTY: Final[list[Any]] = [
    None,
    True,
    -1,
    0,
    2**63,
    1e308,
    "",
    "../../../etc/passwd",
    "/etc/passwd",
    "\x1b]0;gone\x07",
    "x" * 9_000,
    [],
    {},
    [[[[]]]],
    {"../x": "../y"},
]


@dataclass
class Hostile:
    """What answers in the place of a service.

    Attributes:
        answers: How many it has given.
        work: What it gives out, before that is changed.
    """

    board: SimulatedBoard
    rng: random.Random
    answers: int = 0
    work: Work = WORK

    def ask(self, method: str, path: str, body: bytes | None) -> bytes:
        """Answer a request, mostly with a document that was changed somewhere."""
        self.answers += 1
        document: dict[str, Any] = {"new": 0}
        if path == "agents/register":
            told = Registered(name="pi5", device=self.board.device, asked=0, renew_every_s=60.0)
            document = told.model_dump(mode="json")
        elif path == "agents/leases":
            document = WorkAnswer(work=self.work, ask_again_s=1.0).model_dump(mode="json")
        elif not path.endswith("/result"):
            document = {}
        luck = self.rng.random()
        if luck < 0.1:
            return self.rng.choice([b"", b"<html>", b"[" * 5_000, b"\xff\x00", b"null"])
        if luck < 0.6:
            _change(document, self.rng)
        return json.dumps(document).encode()

    def fetch(self, path: str, into: BinaryIO, limit: int) -> str:
        """Send a file, mostly the one that was asked for."""
        content = CONTENT if self.rng.random() < 0.8 else b"another one"
        into.write(content)
        return hashlib.sha256(content).hexdigest()


def _change(document: Any, rng: random.Random) -> None:
    """Put something nasty anywhere into a document."""
    while isinstance(document, dict) and document:
        key = rng.choice(list(document))
        if isinstance(document[key], dict) and document[key] and rng.random() < 0.8:
            document = document[key]
            continue
        if rng.random() < 0.1:
            document[rng.choice(["../x", "\x1b[2J", key.upper()])] = document.pop(key)
        else:
            document[key] = rng.choice(NASTY)
        return


@dataclass
class Victim:
    """A board whose agent is told things.

    Attributes:
        measured: Paths of the files that it has measured.
        pauses: Seconds that it has waited.
    """

    folder: Path
    board: SimulatedBoard = field(default_factory=lambda: SimulatedBoard("pi5"))
    lines: list[str] = field(default_factory=list)
    measured: list[Path] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)

    def measure(self, subjects: Any, context: Any, timing: Any, **more: Any) -> Iterator[Any]:
        """Measure nothing, and say so at once."""
        self.measured += [one.path for one in subjects]
        session = timed_session([one.digest for one in subjects], self.board.device, CONTEXT)
        yield session.model_copy(update={"context": context, "timing": timing})

    def name_classes(self, request: Any, on_progress: Any) -> tuple[int, ...]:
        """Score nothing either."""
        self.measured.append(request.file)
        return (0,)

    def pause(self, seconds: float) -> None:
        """Go on at once, three times."""
        self.pauses.append(seconds)
        if len(self.pauses) % 3 == 0:
            raise Ended

    def works(self) -> str:
        """Start the agent; return the code of what ended it, empty where it was still at work."""
        home = AgentHome(self.folder)
        means = Means(self.measure, self.name_classes)
        link = Link(Server("http://127.0.0.1:9", "hwnas_key"))
        agent = Agent("pi5", lambda: self.board.facts, link, home, means, self.lines.append, self.pause)
        try:
            agent.run()
        except Ended:
            return ""
        except HwnasError as error:
            return error.code
        finally:
            home.close()
        raise AssertionError("it works until it is ended")


@pytest.mark.parametrize("images", [None, FILES["1" * 64]])
def test_whatever_a_service_answers_the_agent_stays_in_its_folder_and_goes_on_or_says_why_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, images: str | None
) -> None:
    victim = Victim(tmp_path / "board")
    hostile = Hostile(victim.board, random.Random(0), work=WORK.model_copy(update={"images": images}))
    monkeypatch.setattr(Link, "_ask", hostile.ask)
    monkeypatch.setattr(Link, "fetch", hostile.fetch)
    ends = {victim.works() for _ in range(300)}
    assert ends == {"", "unexpected_answer"}, "it tells what is wrong, or goes on"
    assert hostile.answers > 1_000
    assert victim.measured, "some of it was right"
    assert {path.parent for path in victim.measured} == {tmp_path / "board" / "files"}
    assert [path.name for path in tmp_path.iterdir()] == ["board"]
    assert all(0 <= one <= 3_600 for one in victim.pauses)

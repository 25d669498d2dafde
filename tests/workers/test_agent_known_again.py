"""An agent at work that the service knows by another start: it registers again, unless another works."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import ColumnElement, update

from nas.jobs import JobState
from nas.leases import Lease
from nas.store.agent_store import ALIVE_MS
from nas.store.agent_store import Agent as StoredAgent
from nas.store.columns import now_ms
from nas.store.measurement_tables import agents
from nas.store.session import writing
from tests.workers.boards_at_work import Bench, bench
from workers.agent_home import AgentHome, Entry

LONG_AGO = now_ms() - 2 * ALIVE_MS


@dataclass
class Befallen(Bench):
    """A board at work to which things happen, one in each pause."""

    befalls: list[Callable[[], object]] = field(default_factory=list)

    def pause(self, seconds: float) -> None:
        """Go on at once."""
        if self.befalls:
            self.befalls.pop(0)()
        super().pause(seconds)

    def known_by_another_start(self, seen: ColumnElement[int]) -> None:
        """The service knows the board by another start than that of the agent which works."""
        with writing(self.service.stores.engine) as connection:
            connection.execute(update(agents).values(instance="9" * 32, seen_at_ms=seen))


@pytest.fixture
def befallen(tmp_path: Path) -> Iterator[Befallen]:
    """A service with a board that has registered and worked before."""
    with bench(tmp_path) as opened:
        board = Befallen(opened.service, opened.folder, key=opened.key)
        board.waiting_for("one", "two")
        board.works()
        assert board.num_measured == 4
        board.lines.clear()
        yield board


def test_an_agent_that_the_service_knows_by_an_earlier_start_registers_again(befallen: Befallen) -> None:
    jobs = list[Lease]()
    befallen.befalls = [
        lambda: befallen.known_by_another_start(LONG_AGO),  # it was restored from a backup
        lambda: jobs.append(befallen.waiting_for("three")),
    ]
    befallen.works(patience=2)
    assert [line for line in befallen.lines if line.startswith("error[key_in_use]: another agent works as")]
    assert sum(line.startswith("registered as") for line in befallen.lines) == 2
    assert befallen.pauses[1] == 20
    assert (befallen.num_measured, befallen.state(jobs[0])) == (6, JobState.QUEUED)


def test_what_such_an_agent_has_measured_is_delivered_once_it_is_known_again(
    befallen: Befallen, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = befallen.waiting_for("three")
    remember, kept = AgentHome.remember, list[Path]()

    def restored(home: AgentHome, entry: Entry) -> Path:
        if not kept:
            befallen.known_by_another_start(LONG_AGO)
        kept.append(remember(home, entry))
        return kept[-1]

    monkeypatch.setattr(AgentHome, "remember", restored)
    befallen.works(patience=1)
    assert len(kept) == 2, "two sessions, measured once"
    assert (befallen.num_measured, befallen.state(job)) == (6, JobState.QUEUED)


def test_an_agent_that_was_cut_off_waits_for_the_one_that_works_now_and_goes_on_once_that_has_gone(
    befallen: Befallen,
) -> None:
    others = list[StoredAgent | None]()
    befallen.befalls = [
        lambda: befallen.known_by_another_start(now_ms()),
        lambda: others.append(befallen.registered),
        lambda: others.append(befallen.registered),
        lambda: befallen.known_by_another_start(LONG_AGO),
        lambda: befallen.waiting_for("three"),
    ]
    befallen.works(patience=5)
    first, second = others
    assert first is not None
    assert second is not None
    assert (first.instance, second.instance) == ("9" * 32, "9" * 32)
    assert all(pause >= 20 for pause in befallen.pauses[1:4])
    assert befallen.num_measured == 6

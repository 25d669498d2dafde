"""A board that a file stands for: what was published reaches whoever waits, and never passes for measured."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.fleet import SimulatedBoard
from hwnas import run
from latency_predictors.device import host_device
from latency_predictors.golden import SUBJECTS
from latency_predictors.lookup_table import LookupTable, layer_key
from latency_predictors.measure import LAYER_PROTOCOL, NETWORK_PROTOCOL
from latency_predictors.protocol import SessionResult, Subject
from latency_predictors.replay import Trace
from latency_predictors.scoring import ScoringRequest
from latency_predictors.shared_table import packed, share
from latency_predictors.spread import combine_sessions
from nas.job_records import JobRequest
from nas.jobs import JobKind, JobState, Waiting
from nas.measurement_tasks import MeasurementTask
from nas.specs import ProfileSpec, SpaceSpec
from nas.store.few_shot_models import NAME, StoredFewShot
from nas.training.recipes import spread_architectures
from search_spaces.base import architecture_digest
from search_spaces.catalogue import get_space
from search_spaces.errors import HwnasError, MeasurementError
from search_spaces.layers import ConvNormAct
from search_spaces.sampling import as_architecture
from tests.api.handmade import lookup_table
from tests.latency_predictors.sessions import DEVICE, session
from tests.nas.pipeline.small_search import Home
from tests.nas.store.boards import subject_of
from tests.workers.boards_at_work import CONTEXT, TENANT, Bench, bench
from workers.agent_replay import ReplayedBoard, replayed_board

KNOWN = {subject_of("one"): 1.5, subject_of("two"): 2.5}
TRACE = Trace(
    source="a paper, table 3",
    licence="MIT",
    device=DEVICE,
    context=CONTEXT,
    published_at="2021",
    latency_ms=KNOWN,
)


@dataclass
class ServedBoard(SimulatedBoard):
    """A board of a bench that answers with a trace."""

    trace: Trace = field(kw_only=True)

    @property
    def facts(self) -> dict[str, Any]:
        """What it tells when it registers."""
        return dict(ReplayedBoard(self.trace).facts())

    def measure(self, *what: Any, **more: Any) -> Iterator[SessionResult]:
        """Answer with the trace."""
        return ReplayedBoard(self.trace).measure(*what, **more)


@pytest.fixture
def at_work(tmp_path: Path) -> Iterator[Bench]:
    """A service, and a board that replays."""
    with bench(tmp_path) as opened:
        opened.board = ServedBoard("pi5", trace=TRACE)
        yield opened


def served(at_work: Bench, *names: str) -> tuple[SessionResult, ...]:
    """What the service has of some files."""
    board = at_work.registered
    assert board is not None
    subjects = [subject_of(name) for name in names]
    return at_work.service.stores.sessions.sessions(board.device.digest, CONTEXT.digest, subjects)


def test_a_job_gets_what_was_published_as_such(at_work: Bench) -> None:
    job = at_work.waiting_for("one", "two", sessions=2)
    at_work.works()
    assert at_work.state(job) is JobState.QUEUED
    sessions = served(at_work, "one", "two")
    assert [one.provenance for one in sessions] == ["published", "published"]
    for one in sessions:
        assert {result.digest: result.median_ms for result in one.results} == KNOWN
        assert one.device.cpu_model == "test processor (published)"


def test_a_layer_of_an_exported_table_comes_with_the_value_of_the_table(
    at_work: Bench, tmp_path: Path
) -> None:
    layer, path = ConvNormAct((3, 8, 8), 8, 3, 1, "relu"), tmp_path / "pi5.json"
    key, stores = layer_key(layer), at_work.service.stores
    found = [session(name, {key: ms}, context=CONTEXT) for name, ms in (("s1", 0.1), ("s22", 0.12))]
    table = LookupTable(device=DEVICE, context=CONTEXT).merged([layer], found)
    path.write_bytes(packed(share(table, exported_by="Ann", tool="hwnas 0.1.0")))
    at_work.board = ServedBoard("pi5", trace=replayed_board(path).trace)
    at_work.works()
    board = at_work.registered
    assert board is not None
    stores.jobs.submit(TENANT, JobRequest(JobKind.PROFILE, {}, "profile"))
    (claim,) = stores.queue.claim("w")
    file = stores.artifacts.put(b"a layer")
    stores.measurements.enqueue(
        claim.lease, [MeasurementTask(board.device, CONTEXT, LAYER_PROTOCOL, key, file)]
    )
    stores.queue.settle(claim.lease, Waiting())
    at_work.works()
    assert at_work.state(claim.lease) is JobState.QUEUED
    sessions = stores.sessions.sessions(board.device.digest, CONTEXT.digest, [key])
    assert [one.provenance for one in sessions] == ["published", "published"]
    assert combine_sessions(sessions)[key].median_ms == table.entries[key].median_ms == pytest.approx(0.11)


def test_what_the_trace_lacks_is_told_to_whoever_waits_and_the_rest_is_served(at_work: Bench) -> None:
    job = at_work.waiting_for("one", "three", sessions=1)
    at_work.works(patience=1)
    assert at_work.state(job) is JobState.QUEUED
    assert [len(one.results) for one in served(at_work, "one", "three")] == [1]
    (line,) = [line for line in at_work.lines if line.startswith("error[not_published]")]
    assert "1 of 2 subjects are not in 'a paper, table 3'" in line
    board = at_work.registered
    assert board is not None
    assert (board.failures, board.quarantine) == (0, ""), "it is no fault of the board"


def test_a_board_that_measures_delivers_nothing_published(at_work: Bench) -> None:
    at_work.board = SimulatedBoard("pi5")
    at_work.waiting_for("one", sessions=1)
    at_work.works(patience=1, measure=ReplayedBoard(TRACE).measure)
    assert at_work.num_measured == 0
    assert any("error[implausible_result]" in line for line in at_work.lines)


def few_networks() -> Mapping[str, float]:
    """What every network takes that a profile of few networks can ask for."""
    space = get_space("nas_bench_201", preset="tiny", num_classes=4, in_channels=3)
    drawn = np.unique(spread_architectures(space, 4_000, np.random.default_rng(0)), axis=0)
    return {architecture_digest(space, as_architecture(one)): 1.0 + 0.1 * one.sum() for one in drawn}


def test_a_profile_of_few_networks_is_made_of_what_was_published(at_work: Bench, tmp_path: Path) -> None:
    """Golden subjects are in no paper: nothing waits for them."""
    networks = few_networks()
    at_work.board = ServedBoard("pi5", trace=TRACE.model_copy(update={"latency_ms": networks}))
    at_work.works()
    space = SpaceSpec(name="nas_bench_201", preset="tiny")
    spec = ProfileSpec(space=space, num_classes=4, few_shot=8, device="pi5")
    home = Home(tmp_path / "service")
    job = home.stores.jobs.submit(TENANT, JobRequest(JobKind.PROFILE, spec.model_dump(mode="json")))
    assert home.attempt(job) is JobState.WAITING
    at_work.works()
    assert home.attempt(job) is JobState.SUCCEEDED
    model = home.stores.stored(job).load(NAME, StoredFewShot).model
    assert {one.digest: one.measured_ms for one in model.points}.items() <= networks.items()
    assert len(model.points) == model.report.num_published == 8
    home.close()


def session_of(board: ReplayedBoard, *digests: str, timing: Any = NETWORK_PROTOCOL) -> list[SessionResult]:
    """What the board answers for files."""
    subjects = [Subject(digest=one, path=Path("none.onnx")) for one in digests]
    told: list[tuple[int, int]] = []
    found = list(
        board.measure(
            subjects,
            board.trace.context,
            timing,
            num_sessions=2,
            reference_ms={"anchor": 0.5},
            on_progress=lambda *how: told.append(how),
        )
    )
    assert told in ([], [(len(digests), 2 * len(digests)), (2 * len(digests), 2 * len(digests))])
    return found


def test_the_reference_of_sessions_before_is_handed_on() -> None:
    assert [one.reference_ms for one in session_of(ReplayedBoard(TRACE), *KNOWN)] == [{"anchor": 0.5}] * 2


def test_golden_subjects_are_told_to_be_unsupported() -> None:
    (told,) = session_of(ReplayedBoard(TRACE), *SUBJECTS, timing=LAYER_PROTOCOL)
    assert told.results == ()
    assert [(one.digest, one.code) for one in told.failures] == [
        (one, "unsupported_subject") for one in SUBJECTS
    ]


def test_another_context_is_none_that_was_published() -> None:
    with pytest.raises(MeasurementError) as caught:
        list(
            ReplayedBoard(TRACE).measure(
                [],
                replace(CONTEXT, threads=2),
                NETWORK_PROTOCOL,
                num_sessions=1,
                reference_ms={},
                on_progress=lambda done, total: None,
            )
        )
    assert caught.value.code == "context_unsupported"


def test_no_file_is_scored(tmp_path: Path) -> None:
    request = ScoringRequest(file=tmp_path / "a.onnx", images=tmp_path / "b.npy", context=CONTEXT)
    with pytest.raises(MeasurementError) as caught:
        ReplayedBoard(TRACE).means.name_classes(request, lambda done: None)
    assert caught.value.code == "not_published"


def test_an_exported_table_stands_for_a_board(tmp_path: Path) -> None:
    path, table = tmp_path / "pi5.json", lookup_table("Raspberry Pi 5").model_copy(update={"corrections": {}})
    path.write_bytes(packed(share(table, exported_by="Ann", tool="hwnas 0.1.0")))
    board = replayed_board(path)
    facts = board.facts()
    assert facts["device"].cpu_model == "Raspberry Pi 5 (published)"
    assert facts["runtimes"] == {table.context.runtime: table.context.runtime_version}
    key, entry = next(iter(table.entries.items()))
    found, _ = session_of(board, key, timing=LAYER_PROTOCOL)
    assert [one.median_ms for one in found.results] == [entry.median_ms]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"device": host_device()}, "replay_of_this_machine"),
        ({"context": replace(CONTEXT, runtime="published")}, "unknown_runtime"),
        ({"context": replace(CONTEXT, runtime_version="x" * 41)}, "no_trace"),
        ({"device": replace(DEVICE, cpu_model="x" * 101)}, "no_trace"),
    ],
)
def test_what_can_stand_for_no_board_is_told_before_anything_is_asked(
    change: dict[str, object], code: str, tmp_path: Path
) -> None:
    path = tmp_path / "paper.json"
    path.write_text(TRACE.model_copy(update=change).model_dump_json(), encoding="utf-8")
    with pytest.raises(HwnasError) as caught:
        replayed_board(path)
    assert caught.value.code == code


def test_a_bundle_is_measured_not_replayed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["agent", "--bundle", "pi5.zip", "--out", "result.json", "--replay", "paper.json"]) == 2
    assert "error[conflicting_options]" in capsys.readouterr().err


def test_a_device_of_which_no_cores_are_told_has_as_many_as_were_used() -> None:
    unknown = replace(DEVICE, num_cores=0)
    used = replace(CONTEXT, threads=2)
    trace = TRACE.model_copy(update={"device": unknown, "context": used})
    assert ReplayedBoard(trace).facts()["device"].num_cores == 2

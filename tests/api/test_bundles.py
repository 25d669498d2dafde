"""A board without a network: two archives there, two answers back; what was changed or doubled is refused."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from api import bundles
from api.bundles import BundleImported, import_answer, make_bundle
from api.deliveries import Posted, deliver
from benchmarks.fleet import RUNTIME, SimulatedBoard, SimulatedDevice
from latency_predictors.agent_protocol import Registration, Trouble
from latency_predictors.bundle import Answer, Outcome, read_answer, unpack
from latency_predictors.device import ExecutionContext
from latency_predictors.golden import SUBJECTS
from latency_predictors.measure import LAYER_PROTOCOL
from latency_predictors.protocol import SessionResult
from nas.job_records import JobRequest
from nas.jobs import JobKind, JobState, Waiting
from nas.leases import Lease
from nas.measurement_tasks import CHECK_RANK, MeasurementTask, TaskReport
from nas.pipeline.sites import absent_devices
from nas.settings import Settings
from nas.specs import parse_spec
from nas.store.agent_store import Agent
from nas.store.audit_log import Actor
from nas.store.board_signs import lapsed
from nas.store.measurement_tables import agents
from nas.store.session import writing
from nas.store.stores import Stores, opened_stores
from search_spaces.errors import HwnasError, StoreError
from tests.nas.store.boards import INSTANCE, NAMES, content_of, subject_of
from workers.agent_bundle import BundleDone, run_bundle
from workers.agent_means import Means

CONTEXT = ExecutionContext(*RUNTIME)
TENANT = "local"


@dataclass
class Carried:
    """A service and a board that never meet.

    Attributes:
        ends_after: Sessions after which the board loses power; it never does if 0.
    """

    stores: Stores
    settings: Settings
    folder: Path
    board: SimulatedBoard = field(default_factory=lambda: SimulatedBoard("pi5"))
    ends_after: int = 0
    made: int = 0

    def bundle(self) -> Path:
        """Make an archive."""
        self.made += 1
        path = self.folder / f"{self.made}.zip"
        make_bundle(self.settings, "pi5", path)
        return path

    def runs(self, bundle: Path) -> BundleDone:
        """Measure on the board."""
        means = Means(self.measure, self.board.name_classes)
        return run_bundle(bundle, self.answer(bundle), means, self.board.facts, INSTANCE, lambda line: None)

    def measure(self, *what: Any, **more: Any) -> Iterator[SessionResult]:
        """Measure by the script, as long as there is power."""
        for session in self.board.measure(*what, **more):
            yield session
            self.ends_after -= 1
            if not self.ends_after:
                raise KeyboardInterrupt

    def answer(self, bundle: Path) -> Path:
        """Where the answer to an archive stands."""
        return bundle.with_suffix(".json")

    def imports(self, bundle: Path) -> BundleImported:
        """Take an answer."""
        return import_answer(self.settings, self.answer(bundle))

    def waiting(self, images: str = "") -> Lease:
        """A job that waits for files of the board, and for its check."""
        self.stores.jobs.submit(TENANT, JobRequest(JobKind.PROFILE, {}, "profile"))
        (claim,) = self.stores.queue.claim("w")
        self.asks(claim.lease, images)
        self.stores.queue.settle(claim.lease, Waiting())
        return claim.lease

    def asks(self, lease: Lease, images: str = "") -> TaskReport:
        """A job asks for files, made anew; they are to be scored where there are images."""
        agent, put = self.stores.agents.find(TENANT, "pi5"), self.stores.artifacts.put
        assert agent is not None
        where = agent.device, CONTEXT, LAYER_PROTOCOL
        tasks = [
            MeasurementTask(*where, subject_of(name), put(content_of(name)), images=images) for name in NAMES
        ]
        tasks += [
            MeasurementTask(*where, subject, put(subject.encode()), rank=CHECK_RANK) for subject in SUBJECTS
        ]
        return self.stores.measurements.enqueue(lease, tasks)

    def loses(self, digest: str, how: str = "missing") -> None:
        """A file of the service is gone, or damaged."""
        path = self.stores.artifacts.local_path(digest)
        path.unlink()
        if how == "damaged":
            path.write_bytes(b"something else")

    def rewrites(self, bundle: Path, change: Callable[[Answer], Answer]) -> None:
        """Have an agent answer that compares nothing: as if it had been on another board, or on several."""
        answer = change(read_answer(self.answer(bundle)))
        made = self.stores.bundles.find(TENANT, answer.bundle)
        assert made is not None
        answer.signed(made.key).save(self.answer(bundle))

    @property
    def agent(self) -> Agent:
        """The service's row of the board."""
        found = self.stores.agents.find(TENANT, "pi5")
        assert found is not None
        return found

    @property
    def given_up(self) -> int:
        """Files in quarantine."""
        return sum(one.files for one in self.stores.agent_queue.given_up(self.agent.device.digest))

    def refused(self, bundle: Path) -> str:
        """The code that importing an answer is refused with."""
        with pytest.raises(HwnasError) as caught:
            self.imports(bundle)
        return caught.value.code


def blaming(name: str, code: str = "session_died") -> Outcome:
    """What is told of a file that ended its process."""
    told = {"code": code, "message": "killed by signal 11", "subjects": (subject_of(name),), "own": True}
    trouble = Trouble.model_validate({"context": CONTEXT, "timing": LAYER_PROTOCOL, **told})
    return Outcome(work=1, trouble=trouble)


def with_outcomes(answer: Answer, outcomes: Sequence[Outcome]) -> Answer:
    """The same with other outcomes."""
    return answer.model_copy(update={"outcomes": tuple(outcomes)})


@pytest.fixture
def carried(tmp_path: Path) -> Iterator[Carried]:
    """A service that has never heard of the board."""
    settings = Settings(home=tmp_path / "home")
    with opened_stores(settings) as stores:
        yield Carried(stores, settings, tmp_path)


@pytest.fixture
def known(carried: Carried) -> Carried:
    """The board has introduced itself."""
    first = carried.bundle()
    assert carried.runs(first).batches == 0
    assert carried.imports(first) == BundleImported(board="pi5", new=0, pending=0, refused=())
    return carried


def test_a_board_introduces_itself_then_measures_and_the_job_goes_on(known: Carried) -> None:
    job = known.waiting()
    bundle = known.bundle()
    done = known.runs(bundle)
    assert (done.finished, done.batches) == (2, 2)
    taken = known.imports(bundle)
    assert (taken.new, taken.pending, taken.refused) == (2 * (len(NAMES) + 3), 0, ())
    assert known.stores.jobs.get(TENANT, job.job_id).state is JobState.QUEUED
    agent = known.stores.agents.find(TENANT, "pi5")
    assert agent is not None
    (check,) = known.stores.golden.newest(agent.device.digest)
    assert check.verdict == "good"
    (key,) = known.stores.keys.list_all(TENANT)
    assert key.revoked_at_ms, "nobody has its secret"


def test_a_search_that_is_to_proceed_goes_on_with_a_board_whose_answer_was_imported(known: Carried) -> None:
    with writing(known.stores.engine) as connection:
        connection.execute(update(agents).values(seen_at_ms=agents.c.seen_at_ms - 120_000))
    spec = parse_spec({"dataset": {"name": "digits"}, "targets": [{"device": "pi5"}]})
    assert absent_devices(known.stores, TENANT, spec) == {}


def test_an_answer_is_taken_once_and_not_as_anybody_changed_it(known: Carried) -> None:
    known.waiting()
    bundle = known.bundle()
    known.runs(bundle)
    whole = known.answer(bundle).read_text()
    document = json.loads(whole)
    document["outcomes"][0]["session"]["results"][0]["summary"]["median_ms"] /= 2
    known.answer(bundle).write_text(json.dumps(document))
    assert known.refused(bundle) == "bundle_tampered"
    known.answer(bundle).write_text(whole[:-20])
    assert known.refused(bundle) == "damaged_bundle"
    known.answer(bundle).write_text(whole)
    assert known.imports(bundle).new > 0
    assert known.refused(bundle) == "bundle_imported"
    known.answer(bundle).write_text(json.dumps({**json.loads(whole), "bundle": "9" * 32}))
    assert known.refused(bundle) == "unknown_bundle"


@pytest.mark.parametrize("code", ["database_busy", "lease_lapsed"])
def test_an_answer_whose_taking_something_ended_is_taken_again(
    known: Carried, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    job = known.waiting()
    bundle = known.bundle()
    known.runs(bundle)
    taken = count()

    def disturbed(stores: Stores, deliveries: Sequence[Posted]) -> list[int | HwnasError]:
        if next(taken) == 1:
            if code == "lease_lapsed":
                return [lapsed("pi5")]
            raise StoreError(code, "another process writes")
        return deliver(stores, deliveries)

    with monkeypatch.context() as patched:
        patched.setattr(bundles, "deliver", disturbed)
        assert known.refused(bundle) == code
    again = known.imports(bundle)
    assert (again.refused, again.pending) == ((), 0)
    assert again.new > 0
    assert known.stores.jobs.get(TENANT, job.job_id).state is JobState.QUEUED


@pytest.mark.parametrize("between", ["check_board", "deliver"])
def test_whoever_imports_while_the_boards_agent_starts_is_told_to_repeat_that(
    known: Carried, monkeypatch: pytest.MonkeyPatch, between: str
) -> None:
    job = known.waiting()
    bundle = known.bundle()
    known.runs(bundle)
    does, times = getattr(bundles, between), count()

    def agent_starts(*arguments: Any) -> Any:
        agent = known.agent
        if next(times) == (between == "deliver"):  # in the midst of what is delivered
            facts = {**agent.facts, "instance": "f" * 32, "before": (agent.instance,)}
            started = Registration.model_validate(facts)
            known.stores.agents.register(TENANT, Actor("pi5", agent.key_id), started)
        return does(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(bundles, between, agent_starts)
        with pytest.raises(
            HwnasError, match="'pi5' has started meanwhile: run the same command again"
        ) as told:
            known.imports(bundle)
    assert told.value.code == "key_in_use"
    again = known.imports(bundle)
    assert (again.refused, again.pending) == ((), 0)
    assert known.stores.jobs.get(TENANT, job.job_id).state is JobState.QUEUED


def test_the_boards_own_agent_gets_no_work_while_an_answer_is_taken(
    known: Carried, monkeypatch: pytest.MonkeyPatch
) -> None:
    known.waiting()
    bundle = known.bundle()
    known.runs(bundle)
    agent = known.stores.agents.find(TENANT, "pi5")
    assert agent is not None
    asked: list[object] = []

    def asked_meanwhile(stores: Stores, deliveries: Sequence[Posted]) -> list[int | HwnasError]:
        asked.append(stores.agent_queue.ask(agent, agent.instance, len(asked) + 1))
        return deliver(stores, deliveries)

    monkeypatch.setattr(bundles, "deliver", asked_meanwhile)
    assert known.imports(bundle).refused == ()
    assert asked
    assert not any(asked)


def test_a_board_that_loses_power_goes_on_and_each_session_counts_once(known: Carried) -> None:
    known.waiting()
    bundle = known.bundle()
    known.ends_after = 3
    with pytest.raises(KeyboardInterrupt):
        known.runs(bundle)
    part = known.imports(bundle)
    assert (part.new, part.pending) == (6 + len(NAMES), len(NAMES))
    done = known.runs(bundle)
    assert done.finished == 2
    rest = known.imports(bundle)
    assert (rest.new, rest.pending) == (len(NAMES), 0)


def test_a_trouble_counts_once_however_often_its_answer_is_imported_with_more_in_it(known: Carried) -> None:
    known.waiting()
    bundle = known.bundle()
    known.runs(bundle)
    sessions = read_answer(known.answer(bundle)).outcomes[:2]
    died = [blaming(name) for name in NAMES]
    seen = []
    for outcomes in (died[:1], died[:2], died[:3], [*died[:3], *sessions], [*died[:3], *sessions, died[3]]):
        known.rewrites(bundle, partial(with_outcomes, outcomes=outcomes))
        assert known.imports(bundle).refused == ()
        known.waiting()  # a job asks for all of them again
        seen.append((known.agent.failures, known.given_up))
    assert seen == [(1, 0), (2, 0), (3, 0), (0, 0), (1, 0)]
    again = [blaming(NAMES[0]), *died[:3], *sessions, died[3], blaming(NAMES[0], "hung")]
    known.rewrites(bundle, partial(with_outcomes, outcomes=again))
    known.imports(bundle)
    assert known.agent.failures == 2, "sessions that were there already are no success"
    assert known.agent.quarantine == ""


def test_what_is_refused_of_an_answer_counts_once(known: Carried, monkeypatch: pytest.MonkeyPatch) -> None:
    known.waiting()
    bundle = known.bundle()
    with monkeypatch.context() as patch:
        patch.setattr(SimulatedDevice, "now", lambda self: datetime(1970, 1, 1, tzinfo=UTC))
        known.runs(bundle)
    whole = read_answer(known.answer(bundle)).outcomes
    for number in range(1, len(whole) + 1):
        known.rewrites(bundle, partial(with_outcomes, outcomes=whole[:number]))
        assert len(known.imports(bundle).refused) == number
        assert known.agent.failures == number


def test_a_clock_that_was_wrong_is_told(known: Carried, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = known.bundle()
    with monkeypatch.context() as patch:
        patch.setattr("workers.agent_bundle.time.time", lambda: 1.0)
        known.runs(bundle)
    assert known.refused(bundle) == "clock_wrong"


def test_what_was_measured_before_the_clock_was_set_is_measured_again(
    known: Carried, monkeypatch: pytest.MonkeyPatch
) -> None:
    known.waiting()
    bundle = known.bundle()
    known.ends_after = 3
    with monkeypatch.context() as patch:
        patch.setattr(SimulatedDevice, "now", lambda self: datetime(1970, 1, 1, tzinfo=UTC))
        with pytest.raises(KeyboardInterrupt):
            known.runs(bundle)
    assert known.runs(bundle).finished == 2
    taken = known.imports(bundle)
    assert (taken.new, taken.pending) == (len(NAMES), len(NAMES) + 3)
    assert len(taken.refused) == 3
    assert all("is dated 1970" in why and "implausible_result" in why for why in taken.refused)


def test_an_answer_of_another_bundle_is_not_overwritten(known: Carried) -> None:
    first, second = known.bundle(), known.bundle()
    known.runs(first)
    known.answer(second).write_bytes(known.answer(first).read_bytes())
    with pytest.raises(HwnasError) as caught:
        known.runs(second)
    assert caught.value.code == "file_exists"
    with pytest.raises(HwnasError) as caught:
        make_bundle(known.settings, "host", known.folder / "host.zip")
    assert caught.value.code == "invalid_device_name"


class Twin(SimulatedBoard):
    """Another board of the same model."""

    @property
    def facts(self) -> dict[str, Any]:
        """What it tells."""
        return {**super().facts, "unit": "simulated-twin"}


def test_a_bundle_names_its_unit_and_another_board_of_the_model_measures_nothing(known: Carried) -> None:
    known.waiting()
    bundle = known.bundle()
    known.board, mine = Twin("pi5"), known.board
    with pytest.raises(HwnasError, match=r"\(simulated-pi5\), and .* \(simulated-twin\)") as caught:
        known.runs(bundle)
    assert caught.value.code == "another_device"
    known.board = mine
    assert known.runs(bundle).finished == 2
    assert known.imports(bundle).pending == 0


def ran_on(answer: Answer, units: Sequence[str]) -> Answer:
    """The same, its sessions on some units, one after the other."""
    sessions = [one.session for one in answer.outcomes if one.session is not None]
    outcomes = [
        one.model_copy(update={"session": session.model_copy(update={"unit": unit})})
        for one, session, unit in zip(answer.outcomes, sessions, units, strict=True)
    ]
    return answer.model_copy(update={"outcomes": tuple(outcomes)})


def told_by(answer: Answer, **facts: Any) -> Answer:
    """The same, by a machine that tells something else."""
    return answer.model_copy(update={"told": answer.told.model_copy(update=facts)})


def test_what_several_boards_have_measured_is_not_taken(known: Carried) -> None:
    known.waiting()
    bundle, before = known.bundle(), known.stores.agents.find(TENANT, "pi5")
    known.runs(bundle)
    mine, others = ["simulated-pi5"] * 4, ["board-4"] * 4
    known.rewrites(bundle, lambda answer: ran_on(answer, others[:1] + mine[1:]))
    with pytest.raises(HwnasError, match=r"\(board-4, simulated-pi5\): nothing was taken") as caught:
        known.imports(bundle)
    assert caught.value.code == "another_device"
    known.rewrites(bundle, lambda answer: told_by(ran_on(answer, others), unit=""))
    assert known.refused(bundle) == "another_device", "the board of the name has another unit"
    assert known.stores.agents.find(TENANT, "pi5") == before
    known.rewrites(bundle, lambda answer: ran_on(answer, mine))
    assert known.imports(bundle).pending == 0


def test_what_another_device_has_measured_is_not_taken(known: Carried) -> None:
    known.waiting()
    bundle = known.bundle()
    known.runs(bundle)
    other = replace(known.board.device, cpu_model="Cortex-A72")
    known.rewrites(bundle, lambda answer: told_by(answer, device=other))
    with pytest.raises(HwnasError, match="Cortex-A72.* is another board") as caught:
        known.imports(bundle)
    assert caught.value.code == "another_device"


@pytest.mark.parametrize("how", ["missing", "damaged"])
def test_a_file_that_the_service_has_lost_is_left_out_and_the_job_is_told(known: Carried, how: str) -> None:
    job = known.waiting()
    digest = hashlib.sha256(content_of(NAMES[0])).hexdigest()
    known.loses(digest, how)
    made = make_bundle(known.settings, "pi5", known.folder / "part.zip")
    assert (made.num_files, made.left_out) == (len(NAMES) - 1 + 3, 1)
    assert "6 files in 2 batches; left out: 1, because" in made.__rich__().plain
    assert known.runs(known.folder / "part.zip").finished == made.batches
    assert known.imports(known.folder / "part.zip").pending == 0
    assert known.stores.jobs.get(TENANT, job.job_id).state is JobState.QUEUED
    (claim,) = known.stores.queue.claim("w")
    told = known.asks(claim.lease).failed
    assert [(one.subject, one.code) for one in told] == [(subject_of(NAMES[0]), f"artifact_{how}")]
    assert known.asks(claim.lease).pending == 1
    again = make_bundle(known.settings, "pi5", known.folder / "rest.zip")
    assert (again.num_files, again.left_out) == (1, 0)


def test_what_waits_for_a_golden_subject_that_the_service_has_lost_is_left_out_and_the_job_is_told(
    known: Carried,
) -> None:
    job = known.waiting()
    known.loses(hashlib.sha256(next(iter(SUBJECTS)).encode()).hexdigest())
    made = make_bundle(known.settings, "pi5", known.folder / "part.zip")
    assert (made.num_files, made.left_out) == (2, len(NAMES) + 1)
    assert known.stores.jobs.get(TENANT, job.job_id).state is JobState.QUEUED


def test_images_that_the_service_has_lost_leave_out_what_is_scored_on_them(known: Carried) -> None:
    images = known.stores.artifacts.put(b"images")
    known.waiting(images)
    known.loses(images)
    made = make_bundle(known.settings, "pi5", known.folder / "part.zip")
    assert (made.num_files, made.left_out) == (3, len(NAMES))
    assert {work.images for work in unpack(known.folder / "part.zip", known.folder)[0].works} == {None}

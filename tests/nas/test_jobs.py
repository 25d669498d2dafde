"""Which changes of state are legal, and what follows from how an attempt ended."""

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.jobs import (
    RETRIES,
    TERMINAL,
    TRANSITIONS,
    Cancelled,
    Fault,
    Faulted,
    Infeasible,
    JobState,
    Outcome,
    Released,
    Succeeded,
    Verdict,
    Waiting,
    fault_of,
    judge,
    sources,
)
from search_spaces.errors import (
    ArtifactError,
    ComputeError,
    DataError,
    MeasurementError,
    ResourceError,
    StoreError,
    TrainingError,
    UsageError,
)

FAULTS = st.sampled_from(list(Fault)).map(lambda fault: Faulted(fault, "code", "message"))
OUTCOMES: st.SearchStrategy[Outcome] = st.one_of(
    FAULTS, st.sampled_from([Succeeded(), Waiting(), Released(), Cancelled(), Infeasible("code", "message")])
)


def test_what_has_ended_stays_as_it_is() -> None:
    assert {JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.INFEASIBLE} == TERMINAL


def test_every_state_can_be_reached_and_left_for_an_end() -> None:
    assert set(TRANSITIONS) == set(JobState)
    reached = {JobState.QUEUED}
    for _ in JobState:
        reached |= {state for before in reached for state in TRANSITIONS[before]}
    assert reached == set(JobState)
    assert all(TRANSITIONS[state] & (TERMINAL | {JobState.RUNNING}) for state in set(JobState) - TERMINAL)


def test_only_a_queued_job_is_claimed() -> None:
    assert sources(JobState.RUNNING) == (JobState.QUEUED,)
    assert set(sources(JobState.CANCELLED)) == set(JobState) - TERMINAL


@given(OUTCOMES, st.integers(0, 50), st.booleans())
def test_a_verdict_is_always_legal(outcome: Outcome, faults: int, cancel_requested: bool) -> None:
    verdict = judge(outcome, faults=faults, cancel_requested=cancel_requested)
    assert verdict.state in TRANSITIONS[JobState.RUNNING]
    assert verdict.delay_ms >= 0
    if cancel_requested:
        assert verdict.state in TERMINAL
    if not isinstance(outcome, Faulted):
        assert (verdict.delay_ms, verdict.faults) == (0, faults)


@pytest.mark.parametrize(
    ("fault", "ends_after", "end"),
    [
        (Fault.OUT_OF_MEMORY, 2, JobState.FAILED),
        (Fault.DISK, 12, JobState.PARKED),
        (Fault.CRASH, 3, JobState.PARKED),
        (Fault.LOST_NODE, 6, JobState.PARKED),
        (Fault.NO_CLUSTER, 12, JobState.PARKED),
        (Fault.STALLED, 3, JobState.PARKED),
        (Fault.MEASURING, 5, JobState.PARKED),
        (Fault.DATABASE, 12, JobState.PARKED),
        (Fault.BAD_DATA, 1, JobState.FAILED),
        (Fault.POISON, 1, JobState.PARKED),
    ],
)
def test_each_class_has_its_own_number_of_tries(fault: Fault, ends_after: int, end: JobState) -> None:
    faults, tries = 0, 0
    while True:
        verdict = judge(Faulted(fault, "code", "message"), faults=faults, cancel_requested=False)
        faults, tries = verdict.faults, tries + 1
        if verdict.state is not JobState.QUEUED:
            break
        assert verdict.delay_ms > 0, "never again at once"
    assert (tries, verdict.state) == (ends_after, end)


def test_every_class_has_a_policy() -> None:
    assert set(RETRIES) == set(Fault)


def test_delays_double_up_to_the_longest() -> None:
    delays = [RETRIES[Fault.CRASH].delay_ms(faults) for faults in (1, 2, 3, 6, 500)]
    assert delays == [2_000, 4_000, 8_000, 60_000, 60_000]


def test_a_drain_and_a_wait_cost_nothing() -> None:
    assert judge(Released(), faults=2, cancel_requested=False) == Verdict(JobState.QUEUED, 0, 2)
    assert judge(Waiting(), faults=2, cancel_requested=False) == Verdict(JobState.WAITING, 0, 2)


def test_a_job_that_got_done_is_done_though_it_was_to_be_cancelled() -> None:
    assert judge(Succeeded(), faults=0, cancel_requested=True).state is JobState.SUCCEEDED


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (MemoryError(), Fault.OUT_OF_MEMORY),
        (ResourceError("out_of_memory", "m"), Fault.OUT_OF_MEMORY),
        (ResourceError("disk_full", "m"), Fault.DISK),
        (OSError(errno.ENOSPC, "full"), Fault.DISK),
        (OSError(errno.EFBIG, "too large"), Fault.DISK),
        (OSError(errno.EIO, "broken"), Fault.CRASH),
        (StoreError("database_busy", "m"), Fault.DATABASE),
        (ComputeError("ray_away", "m"), Fault.NO_CLUSTER),
        (ComputeError("node_lost", "m"), Fault.LOST_NODE),
        (MeasurementError("session_void", "m"), Fault.MEASURING),
        (MeasurementError("machine_busy", "m"), Fault.MEASURING),
        (MeasurementError("file_not_loadable", "m"), Fault.BAD_DATA),
        (MeasurementError("unsupported_subject", "m"), Fault.BAD_DATA),
        (MeasurementError("not_enough_idle_cores", "m"), Fault.MEASURING),
        (MeasurementError("runtime_missing", "m"), Fault.BAD_DATA),
        (ArtifactError("artifact_damaged", "m"), Fault.CRASH),
        (DataError("no_images", "m"), Fault.BAD_DATA),
        (UsageError("outdated_spec", "m"), Fault.BAD_DATA),
        (TrainingError("loss_not_finite", "m"), Fault.BAD_DATA),
        (KeyError("a fault of ours"), Fault.CRASH),
    ],
)
def test_an_error_has_a_class(error: BaseException, fault: Fault) -> None:
    assert fault_of(error) is fault

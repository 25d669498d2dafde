"""The fake device does what its script says, through the code that measures real ones."""

from dataclasses import replace

import numpy as np
import pytest

from latency_predictors.energy_sessions import combine_energies
from latency_predictors.fake_device import ANCHORS, FakeDevice, Neighbour, Script, Throttling
from latency_predictors.measure import (
    ENERGY_PROTOCOL,
    LAYER_PROTOCOL,
    NETWORK_PROTOCOL,
    TimingProtocol,
    measure,
)
from latency_predictors.plausible import implausible
from latency_predictors.protocol import SessionResult
from latency_predictors.schedule import run_schedule
from latency_predictors.spread import combine_sessions
from search_spaces.errors import MeasurementError

TRUTH = {f"s{i}": 0.5 + i / 4 for i in range(12)}
QUIET = Script(noise=0.002, outlier_share=0.0)


def medians(session: SessionResult) -> dict[str, float]:
    return {result.digest: result.median_ms for result in session.results}


def measured(script: Script) -> list[SessionResult]:
    return list(FakeDevice(TRUTH, script).sessions(list(TRUTH), NETWORK_PROTOCOL))


def raw(session: SessionResult, digest: str) -> float:
    return next(r.summary.median_ms for r in session.results if r.digest == digest)


def test_a_quiet_device_takes_what_is_true() -> None:
    for session in measured(QUIET):
        assert medians(session) == pytest.approx(TRUTH, rel=0.01)
        assert session.reference_ms == pytest.approx(ANCHORS, rel=0.01)


def test_the_same_script_gives_the_same_values_and_another_seed_gives_others() -> None:
    script = Script(crash_share=0.05, unevenness=0.1, session_factors=(1.0, 1.4))
    first, again, other = (
        [medians(one) for one in measured(each)] for each in (script, script, replace(script, seed=1))
    )
    assert first == again != other


def test_noise_and_outliers_are_as_wide_and_as_many_as_they_are_said_to_be() -> None:
    device = FakeDevice(TRUTH, Script(noise=0.05, outlier_share=0.1, outlier_factor=4.0))
    run_once = device.loaded("s0")
    times = []
    for _ in range(5000):
        begin = device.clock()
        run_once()
        times.append((device.clock() - begin) / 1e6 / TRUTH["s0"])
    late = np.array(times) > 2.0
    assert late.mean() == pytest.approx(0.1, abs=0.02)
    assert np.log(np.array(times)[~late]).std() == pytest.approx(0.05, rel=0.1)


def test_it_gives_what_measuring_takes() -> None:
    device = FakeDevice(TRUTH, QUIET)
    assert measure(device.loaded("s4"), device.clock, NETWORK_PROTOCOL).median_ms == pytest.approx(
        1.5, rel=0.01
    )
    found = run_schedule(
        ["s1", "s2"],
        list(ANCHORS),
        lambda digest: measure(device.loaded(digest), device.clock, NETWORK_PROTOCOL),
        device.clock,
        np.random.default_rng(0),
    )
    assert {result.digest for result in found.results} == {"s1", "s2"}


def test_a_session_can_be_slow_as_a_whole() -> None:
    first, second = measured(replace(QUIET, session_factors=(1.0, 1.4)))
    assert raw(second, "s3") == pytest.approx(1.4 * raw(first, "s3"), rel=0.01)


@pytest.mark.parametrize(("works_s", "rests_s"), [(0.6, 0.003), (0.02, 0.02)])
@pytest.mark.parametrize("timing", [LAYER_PROTOCOL, NETWORK_PROTOCOL])
def test_what_is_made_of_a_restless_core_is_plausible(
    timing: TimingProtocol, works_s: float, rests_s: float
) -> None:
    truth = {f"s{i}": 0.02 + 0.01 * i for i in range(2)}
    device = FakeDevice(truth, replace(QUIET, neighbour=Neighbour(1.7, works_s, rests_s)))
    for session in device.sessions(list(truth), timing):
        assert implausible(session) == ""


@pytest.mark.parametrize("seconds", [0.02, 0.3, 2.0])
def test_who_works_on_the_other_thread_of_the_core_is_waited_for(seconds: float) -> None:
    neighbour = Neighbour(works_s=seconds, rests_s=seconds)
    device = FakeDevice(TRUTH, replace(QUIET, neighbour=neighbour))
    first, second = device.sessions(list(TRUTH), NETWORK_PROTOCOL)
    for session in (first, second):
        assert medians(session) == pytest.approx(TRUTH, rel=0.02)
    undisturbed = FakeDevice(TRUTH, QUIET)
    list(undisturbed.sessions(list(TRUTH), NETWORK_PROTOCOL))
    assert device.busy_s < 4 * undisturbed.busy_s


def test_files_may_be_hit_differently() -> None:
    first, *_, second = measured(replace(QUIET, session_factors=(1.0, 1.2), unevenness=0.3))
    ratios = [raw(second, digest) / raw(first, digest) for digest in TRUTH]
    assert max(ratios) - min(ratios) > 0.05


@pytest.mark.parametrize("felt", [0.0, 0.4, 1.0])
def test_a_slow_first_session_is_no_reference_whatever_memory_feels_of_it(felt: float) -> None:
    script = replace(QUIET, session_factors=(1.5,), felt={"anchor-memory": felt})
    *_, before, last = measured(script)
    assert last.reference_ms["anchor-network"] == pytest.approx(ANCHORS["anchor-network"], rel=0.02)
    assert medians(last) == pytest.approx(TRUTH, rel=0.02)
    assert not any(result.suspect for session in (before, last) for result in session.results)


@pytest.mark.parametrize("felt", [0.0, 0.5])
def test_what_heat_does_to_a_device_is_seen_whatever_memory_feels_of_it(felt: float) -> None:
    script = replace(QUIET, throttling=Throttling(8.0, 1.15, 4.0), felt={"anchor-memory": felt})
    truth = {f"s{i}": 1.0 + 0.1 * i for i in range(40)}
    sessions = tuple(FakeDevice(truth, script).sessions(list(truth), NETWORK_PROTOCOL))
    wrong = [
        digest
        for digest, value in combine_sessions(sessions).items()
        if not value.suspect and value.median_ms != pytest.approx(truth[digest], rel=0.03)
    ]
    assert wrong == []


def test_drift_and_throttling_go_by_the_time_that_it_has_worked() -> None:
    device = FakeDevice({"s": 10.0}, replace(QUIET, drift=0.2, drift_s=2.0))
    device.settle()
    run_once = device.loaded("s")
    while device.busy_s < 1.0:
        run_once()
    begin = device.busy_s
    run_once()
    assert device.busy_s - begin == pytest.approx(0.011, rel=0.01)
    device = FakeDevice({"s": 10.0}, replace(QUIET, throttling=Throttling(1.0, 1.5, 2.0, counted=True)))
    run_once, slow = device.loaded("s"), []
    while device.busy_s < 6.0:
        begin = device.busy_s
        run_once()
        slow.append((begin, device.busy_s - begin > 0.0125))
    assert [is_slow for at, is_slow in slow] == [at % 3.0 >= 1.0 for at, _ in slow]
    assert device.num_throttles() == 2


def test_a_clock_jumps_when_it_is_told_to() -> None:
    device = FakeDevice(TRUTH, replace(QUIET, jumps=((0.0005, 5.0),)))
    assert device.clock() == 0
    device.loaded("s0")()
    device.loaded("s0")()
    assert device.clock() == pytest.approx(5.001e9, rel=1e-3)


@pytest.mark.parametrize("by_s", [-0.5, 5.0])
def test_a_clock_that_jumps_once_costs_the_session_and_no_more(by_s: float) -> None:
    device = FakeDevice(TRUTH, replace(QUIET, jumps=((3.0, by_s),)))
    for session in device.sessions(list(TRUTH), NETWORK_PROTOCOL):
        assert medians(session) == pytest.approx(TRUTH, rel=0.01)
    assert device.num_processes == 3


def test_a_clock_that_keeps_jumping_is_told() -> None:
    jumps = tuple((float(at), 2.0) for at in range(1, 60))
    with pytest.raises(MeasurementError) as caught:
        measured(replace(QUIET, jumps=jumps))
    assert caught.value.code == "clock_jumped"


def test_a_wrong_result_is_outvoted() -> None:
    script = replace(QUIET, wrong_share=0.05, seed=3)
    sessions = measured(script)
    wrong = {digest for one in sessions for digest, ms in medians(one).items() if ms > 2 * TRUTH[digest]}
    assert wrong, "the seed gives some"
    assert {result.digest for result in sessions[1].results} >= wrong  # the further session


def test_what_is_broken_or_deadly_is_told_and_the_rest_is_measured() -> None:
    script = replace(QUIET, broken=frozenset({"s1"}), deadly=frozenset({"s2"}))
    first, second = measured(script)
    assert {failure.digest: failure.code for failure in first.failures} == {
        "s1": "file_not_loadable",
        "s2": "unsupported_subject",
    }
    assert medians(first).keys() == medians(second).keys() == TRUTH.keys() - {"s1", "s2"}
    assert second.failures == ()


def test_work_beside_makes_all_of_it_suspect() -> None:
    for session in measured(replace(QUIET, busy=1.0)):
        assert session.conditions.disturbed
        assert not any(result.suspect for result in session.results)


def test_the_date_goes_on_with_the_work() -> None:
    first, second = measured(QUIET)
    assert first.started_at == "2026-01-01T00:00:00+00:00"
    assert second.started_at > first.started_at


def test_its_meter_sees_what_the_script_says() -> None:
    truth = {"s0": 0.5, "s1": 2.0}
    device = FakeDevice(truth, replace(QUIET, watts=6.0, idle_watts=2.0))
    (session,) = device.sessions(list(truth), ENERGY_PROTOCOL, num_sessions=1)
    found = {digest: energy.gross.value_mj for digest, energy in combine_energies([session]).items()}
    assert found == pytest.approx({digest: 6.0 * ms for digest, ms in truth.items()}, rel=0.02)
    assert medians(session) == pytest.approx(truth, rel=0.01), "latency is measured as ever"


@pytest.mark.parametrize(
    ("script", "code"),
    [(QUIET, "no_meter"), (replace(QUIET, watts=6.0, meter_stops_s=3.0), "meter_stopped")],
)
def test_without_a_meter_or_with_one_that_stops_nothing_is_delivered(script: Script, code: str) -> None:
    device = FakeDevice(TRUTH, script)
    with pytest.raises(MeasurementError) as caught:
        next(device.sessions(list(TRUTH), ENERGY_PROTOCOL))
    assert caught.value.code == code

"""What is published of a small search was measured; a second search on its supernet keeps other limits."""

import re
from collections import Counter
from typing import Any

import pytest

from latency_predictors.device import host_device
from nas.jobs import JobState
from nas.pipeline import verify
from nas.pipeline.calibrating import calibration_set
from nas.pipeline.networks import score_file
from nas.pipeline.tables import latest_table
from nas.pipeline.verify import VerifyDocument
from nas.results import TargetResult, VerifiedNetwork
from nas.store.stores import Stores
from nas.tasks import ExportNetworks, ReadArena, ScoreFile
from search_spaces.base import architecture_digest, architecture_from_values, space_digest
from search_spaces.errors import MeasurementError
from search_spaces.network import layers as layers_of
from tests.nas.pipeline.conftest import FinishedSearch, Second
from tests.nas.pipeline.sites import here
from tests.nas.pipeline.small_search import Home, Killer, Recorder, Stopwatch, file_ms, small_spec


def beaten(network: VerifiedNetwork, others: tuple[VerifiedNetwork, ...]) -> bool:
    """Whether another one is no worse in both measurements and better in one."""
    own = (-network.accuracy.value, network.latency.median_ms)
    points = [(-other.accuracy.value, other.latency.median_ms) for other in others]
    return any(a <= own[0] and b <= own[1] and (a, b) != own for a, b in points)


def test_the_front_is_non_dominated_in_what_was_measured(finished: FinishedSearch) -> None:
    networks = finished.target.networks
    assert {network.status for network in networks} <= {"front", "dominated"}
    for network in networks:
        assert beaten(network, networks) == (network.status == "dominated")


def test_no_more_is_verified_than_was_allowed(finished: FinishedSearch) -> None:
    networks = finished.target.networks
    assert 1 <= len(networks) <= 6
    assert len({network.architecture_digest for network in networks}) == len(networks)
    assert {network.round for network in networks} <= {1, 2}
    assert finished.target.num_rounds <= 2
    assert finished.target.stopped


def test_figures_are_those_of_the_files(finished: FinishedSearch) -> None:
    for network in finished.target.networks:
        path = finished.run.network_path(network.file_sha256)
        assert network.latency.median_ms == pytest.approx(file_ms(path))
        assert network.file_bytes == path.stat().st_size


def test_names_and_options_say_which_architecture_it_is(finished: FinishedSearch) -> None:
    space = finished.context().space
    for network in finished.target.networks:
        architecture = architecture_from_values(space, network.architecture)
        assert architecture_digest(space, architecture) == network.architecture_digest
        assert network.name == f"net-{network.architecture_digest[:6]}"


def test_accuracies_come_from_images_that_confirm(finished: FinishedSearch) -> None:
    """80 images are two swapped halves, and every network shows both."""
    ctx = finished.context()
    for network in finished.target.networks:
        correct = score_file(ctx, network.file_sha256, "validation")
        assert network.accuracy.num_images == 80
        assert network.accuracy.value == pytest.approx(float(correct.mean()))
        assert network.accuracy.part == "validation"


def test_predictions_stand_beside_with_their_intervals(finished: FinishedSearch) -> None:
    for network in finished.target.networks:
        for figure, kind in ((network.predicted_accuracy, "fitted"), (network.predicted_latency, "table")):
            assert figure is not None
            assert figure.kind == kind
            assert figure.lower <= figure.value <= figure.upper


def test_ties_are_mutual_and_between_points_of_the_front(finished: FinishedSearch) -> None:
    front = {network.name: network for network in finished.target.front}
    for network in finished.target.networks:
        assert set(network.tied_with) <= set(front)
        if network.status != "front":
            assert network.tied_with == ()
        for other in network.tied_with:
            assert network.name in front[other].tied_with


def test_a_second_search_trains_scores_and_profiles_nothing(second: Second) -> None:
    assert second.result.supernet.reused
    assert second.result.targets[0].table.num_measured_now == 0
    kinds = {type(task) for task in second.search.tasks}
    assert kinds <= {ExportNetworks, ScoreFile, ReadArena}


def test_networks_that_another_search_had_measured_are_not_measured_again(
    second: Second, finished: FinishedSearch
) -> None:
    before = {digest for asked in finished.home.watch.asked for digest in asked}
    now = [digest for asked in second.search.home.watch.asked for digest in asked]
    assert len(now) == len(set(now))
    assert set(now) == {network.file_sha256 for network in second.search.target.networks} - before


def test_the_measured_upper_bound_of_every_point_keeps_the_limit(second: Second) -> None:
    (target,) = second.result.targets
    assert target.front
    assert all(network.latency.upper_ms <= second.limit_ms for network in target.front)
    for network in target.networks:
        assert (network.latency.upper_ms > second.limit_ms) == (network.status == "over_limit")


def test_without_references_there_are_none(second: Second) -> None:
    assert second.result.references == ()


def test_the_document_is_what_the_result_shows(finished: FinishedSearch) -> None:
    (target,) = finished.run.load("verify", VerifyDocument).targets
    assert [network.name for network in target.networks] == [one.name for one in finished.target.networks]
    assert all(network.test_accuracy is None for network in target.networks)


def test_each_round_tells_what_was_measured_in_it(finished: FinishedSearch) -> None:
    told = [values for kind, values in finished.progress.drawn if kind == "verified"]
    latest = {(values["target"], values["round"]): values["networks"] for values in told}
    measured = {one["name"]: one for networks in latest.values() for one in networks}
    assert {
        network.name: (network.accuracy.value, network.latency.value_ms, network.status != "over_limit")
        for network in finished.target.networks
    } == {name: (one["accuracy"], one["latency_ms"], one["within_limits"]) for name, one in measured.items()}


def test_verified_networks_improve_the_table(finished: FinishedSearch) -> None:
    """Whatever was measured for verification is one more network behind the correction."""
    ctx = finished.context()
    table = latest_table(ctx.stores, here())
    points = {point.digest: point for point in table.corrections[space_digest(ctx.space)].points}
    digests = points.keys()
    verified = {network.architecture_digest for network in finished.target.networks}
    assert verified <= digests
    assert {architecture_digest(ctx.space, one) for one in calibration_set(ctx.space, table)} <= digests
    for network in finished.target.networks:
        assert points[network.architecture_digest].session_ids == network.latency.sessions
    assert all(point.session_ids and point.measured_at for point in points.values())


def test_layers_that_were_measured_again_meanwhile_count_from_the_end_of_a_search(copied: Home) -> None:
    other = copied.context(seed=9)
    job = copied.submit(small_spec(targets=[{"limits": {"latency_ms": 50.0}}]))
    killer = Killer(at=lambda phase, done, note: phase == "verify")
    assert copied.attempt(job, killer) is JobState.QUEUED
    table = latest_table(copied.stores, here())
    entries = {}
    for key, entry in table.entries.items():
        again = [one.model_copy(update={"session_id": f"again {one.session_id}"}) for one in entry.values]
        values = (*entry.values, *again)
        entries[key] = entry.model_copy(update={"values": values, "median_ms": 0.9 * entry.median_ms})
    copied.stores.tables.publish(other.run.lease, table.model_copy(update={"entries": entries}))
    copied.finish(job)
    table = latest_table(copied.stores, here())
    assert table.entries == entries
    for point in table.corrections[space_digest(other.space)].points:
        assert point.sum_ms == table.costs_ms(layers_of(other.space, point.architecture)).sum()


def test_the_share_that_was_measured_where_it_was_predicted_is_told(finished: FinishedSearch) -> None:
    """In the result, and in the report of the correction beside the share of networks drawn at random."""
    ctx, networks = finished.context(), finished.target.networks
    inside = {
        network.architecture_digest: figure.lower <= network.latency.median_ms <= figure.upper
        for network in networks
        if (figure := network.predicted_latency) is not None
    }
    assert finished.target.verified_coverage == sum(inside.values()) / len(networks)
    correction = latest_table(ctx.stores, here()).corrections[space_digest(ctx.space)]
    drawn = {
        architecture_digest(ctx.space, one)
        for one in calibration_set(ctx.space, latest_table(ctx.stores, here()))
    }
    unseen = [value for digest, value in inside.items() if digest not in drawn]
    assert correction.report is not None
    assert correction.report.num_verified == len(unseen)
    if unseen:
        assert correction.report.verified_coverage == sum(unseen) / len(unseen)


def test_a_phase_that_waits_proposes_and_exports_each_round_once(finished: FinishedSearch) -> None:
    rounds = finished.target.num_rounds
    exports = [task for task in finished.tasks if isinstance(task, ExportNetworks)]
    assert len(exports) == rounds + len(finished.result.references)
    saved = Counter(
        event.data["name"]
        for event in finished.home.stores.jobs.events("local", finished.run.id)
        if event.kind == "document"
    )
    names = {f"verify.0.{number}{part}" for number in range(1, rounds + 1) for part in ("", ".exported")}
    assert {name for name in saved if name.startswith("verify.0.")} == {"verify.0.0", *names}
    # The time and the cost of a phase are noted each time that it waits, files when they are first asked for.
    again = {name for name, count in saved.items() if count > 1 and not name.endswith((".time", ".cost"))}
    assert {name for name in again if not name.startswith("again.")} == set()


def files(target: TargetResult) -> list[tuple[str, int, str]]:
    return [(network.file_sha256, network.round, network.status) for network in target.networks]


def test_a_phase_that_is_killed_in_each_round_goes_on_in_it(home: Home, finished: FinishedSearch) -> None:
    """Killed before it searches, while it exports, and while it waits for what it exported."""
    job, killed = home.submit(small_spec(references=[])), set[tuple[str, float]]()

    def once(phase: str, done: float, note: str) -> bool:
        key = (note, done)
        if phase != "verify" or not note or key in killed:
            return False
        killed.add(key)
        return True

    stored = home.finish(job, Killer(at=once))
    notes = Counter(note for note, _ in killed)
    networks = finished.target.networks
    assert notes.pop("exporting and scoring") == len(networks)
    assert notes == {f"round {number}: searching": 1 for number in range(1, finished.target.num_rounds + 1)}
    target = stored.result().targets[0]
    assert files(target) == files(finished.target)
    assert [one.predicted_latency for one in target.networks] == [one.predicted_latency for one in networks]
    asked = [digest for call in home.watch.asked for digest in call]
    assert len(asked) == len(set(asked))


def test_after_a_round_that_adds_little_there_is_no_other(
    copied: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "WORTH_A_ROUND", 1.01)
    (found,) = copied.search(verify={"candidates": 12, "rounds": 4}, references=[]).targets
    assert found.num_rounds == 1
    assert re.fullmatch(
        r"the last round added \d+\.\d % to what the front dominates, less than 101 %", found.stopped
    )


def test_what_a_round_has_added_is_told_rounded_down(copied: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "added_share", lambda before, after: 0.0197)
    (found,) = copied.search(verify={"candidates": 12, "rounds": 4}, references=[]).targets
    assert found.stopped == "the last round added 1.9 % to what the front dominates, less than 2 %"


def test_two_targets_are_verified_one_after_the_other(copied: Home) -> None:
    targets = [{}, {"limits": {"num_params": 60_000}}]
    result = copied.search(targets=targets, references=[])
    first, second = result.targets
    assert [target.target.limits for target in result.targets] == [{}, {"num_params": 60_000.0}]
    assert first.networks
    assert second.front
    assert all(network.num_params <= 60_000 for network in second.front)


TAIL: dict[str, Any] = {"targets": [{"latency": {"statistic": "p95"}}], "references": []}
"""A target for which every network is measured anew, on the supernet that is there."""


class _Breaking(Stopwatch):
    """Cannot run exported networks: so many of those that are asked for first."""

    left: int = 1

    def serve(self, stores: Stores) -> bool:
        waiting = stores.measurements.lease(host_device().digest, "looks")
        if waiting is not None:
            lease, batches = waiting
            files = [one for batch in batches for one, file in batch.artifacts.items() if one == file]
            stores.measurements.give_back(lease)
            self.broken |= frozenset(files[: self.left])
            self.left -= len(files[: self.left])
        return super().serve(stores)


def test_a_network_that_the_runtime_cannot_run_is_left_out_and_said_so(copied: Home) -> None:
    copied.watch = _Breaking("breaking")
    progress = Recorder()
    (target,) = copied.search(progress, **TAIL).targets
    (left_out,) = target.unsupported
    assert (left_out.code, left_out.message) == ("file_not_loadable", "it is broken")
    assert target.front
    assert left_out.architecture_digest not in {one.architecture_digest for one in target.networks}
    assert any(f"{left_out.name} is left out, the runtime cannot run it" in said for said in progress.said)
    asked = [digest for call in copied.watch.asked for digest in call]
    assert asked.count(left_out.file_sha256) == 1, "it is not tried again"


def test_a_search_of_which_nothing_runs_fails_and_says_so(copied: Home) -> None:
    copied.watch = _Breaking("breaking")
    copied.watch.left = 1_000
    with pytest.raises(MeasurementError, match="cannot run any of the") as caught:
        copied.search(**TAIL)
    assert caught.value.code == "too_few_run"

"""What each kind of job does, from a claim to its end."""

from datetime import datetime, timedelta, tzinfo
from typing import Self

import numpy as np
import pytest

from latency_predictors.calibration import predict_points
from latency_predictors.device import host_context, host_device
from latency_predictors.lookup_table import layer_key
from latency_predictors.probes import probe_subjects
from nas.data import inspection
from nas.job_records import JobRequest
from nas.jobs import JobKind, JobState
from nas.pipeline import profile
from nas.pipeline.amounts import NUM_CALIBRATION
from nas.pipeline.jobs import KINDS, PHASES_OF
from nas.pipeline.tables import latest_table
from nas.results import TableSummary
from nas.specs import ProfileSpec, SpaceSpec
from nas.store.dataset_store import StoredDataset
from search_spaces.base import space_digest
from search_spaces.errors import UsageError
from search_spaces.network import layers as layers_of
from search_spaces.slot_tables import distinct_layers
from tests.nas.data.test_inspection import flat_png
from tests.nas.data.zips import folder_zip, zipped
from tests.nas.pipeline.conftest import FinishedSearch
from tests.nas.pipeline.sites import here
from tests.nas.pipeline.small_search import Home, Killer, Recorder, small_spec

SPEC = ProfileSpec(space=SpaceSpec(name="nas_bench_201", preset="tiny"), num_classes=4)


def request(spec: ProfileSpec) -> JobRequest:
    return JobRequest(JobKind.PROFILE, spec.model_dump(mode="json"))


def test_every_kind_that_can_be_run_has_its_phases() -> None:
    assert KINDS.keys() == PHASES_OF.keys()
    assert all(PHASES_OF.values())


def test_a_profile_measures_layers_then_networks_and_leaves_the_summary(home: Home) -> None:
    job = home.stores.jobs.submit("local", request(SPEC))
    summary = home.finish(job).load(profile.NAME, TableSummary)
    layers, networks = home.watch.asked
    assert len(networks) == NUM_CALIBRATION
    probes = {probe.digest for probe in probe_subjects("onnx", "fp32")}
    assert summary.num_layers == summary.num_measured_now == len(layers) - len(probes)
    assert [run.lease.attempt for run in home.runs] == [1, 2, 3]
    table = home.stores.tables.load(host_device().digest, host_context().digest)
    assert table is not None
    assert set(table.entries) == set(layers) - probes


def test_a_profile_of_what_is_profiled_waits_for_nothing(copied: Home, finished: FinishedSearch) -> None:
    job = copied.stores.jobs.submit("local", request(SPEC))
    summary = copied.finish(job).load(profile.NAME, TableSummary)
    assert copied.watch.asked == []
    assert summary.num_measured_now == 0
    assert summary.num_layers == len(distinct_layers(finished.context().space))


class Tomorrow(datetime):
    """The next day."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return super().now(tz) + timedelta(days=1)


def test_a_profile_on_a_later_day_measures_once_more_what_is_not_settled(
    copied: Home, finished: FinishedSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profile, "datetime", Tomorrow)
    layers = {layer_key(spec) for spec in distinct_layers(finished.context().space)}
    job = copied.stores.jobs.submit("local", request(SPEC))
    summary = copied.finish(job).load(profile.NAME, TableSummary)
    (asked,) = copied.watch.asked
    assert set(asked) == layers
    assert summary.num_measured_now == len(layers)
    table = copied.stores.tables.load(host_device().digest, host_context().digest)
    assert table is not None
    assert {table.entries[key].num_sessions for key in layers} == {3}


def test_a_profile_measures_at_once_what_another_left_in_doubt(home: Home) -> None:
    home.watch.busy = 1.3
    job, shown = home.stores.jobs.submit("local", request(SPEC)), Recorder()
    summary = home.finish(job, shown).load(profile.NAME, TableSummary)
    assert summary.states == {"suspect": summary.num_layers}
    assert summary.report["num_suspect"] == NUM_CALIBRATION
    assert len(home.watch.asked) == 2, (
        "what it has measured itself it does not measure again: it is busy still"
    )
    assert len([one for one in shown.said if one.startswith("other work kept 1.3 processors")]) == 1
    home.watch.busy = 0.0
    again = home.stores.jobs.submit("local", request(SPEC))
    summary = home.finish(again).load(profile.NAME, TableSummary)
    layers, networks = home.watch.asked[2:]
    assert len(layers) == summary.num_measured_now == summary.num_layers
    assert summary.states == {"provisional": summary.num_layers}
    assert sorted(networks) == sorted(home.watch.asked[1])
    assert summary.report["num_suspect"] == 0
    home.finish(home.stores.jobs.submit("local", request(SPEC)))
    assert len(home.watch.asked) == 4, "nothing is in doubt any more"


def test_a_profile_measures_suspect_networks_once_more_and_no_others(home: Home) -> None:
    first = home.stores.jobs.submit("local", request(SPEC))
    assert home.attempt(first) is JobState.WAITING
    home.watch.serve(home.stores)
    home.watch.busy = 1.3
    report = home.finish(first).load(profile.NAME, TableSummary).report
    assert report["num_suspect"] == NUM_CALIBRATION
    again = home.stores.jobs.submit("local", request(SPEC))
    report = home.finish(again).load(profile.NAME, TableSummary).report
    assert report["num_suspect"] == NUM_CALIBRATION, "it is busy still, and the job ends nevertheless"
    home.watch.busy = 0.0
    home.finish(home.stores.jobs.submit("local", request(SPEC)))
    table = latest_table(home.stores, here())
    (correction,) = table.corrections.values()
    assert [point.suspect for point in correction.points] == [False] * NUM_CALIBRATION
    assert [len(asked) for asked in home.watch.asked[1:]] == [NUM_CALIBRATION] * 3


def test_layers_that_are_measured_again_are_what_the_correction_is_fitted_on(home: Home) -> None:
    first = home.stores.jobs.submit("local", request(SPEC))
    home.watch.busy, home.watch.layers_slower = 1.3, 1.08
    assert home.attempt(first) is JobState.WAITING
    home.watch.serve(home.stores)
    home.watch.busy, home.watch.layers_slower = 0.0, 1.0
    home.finish(first)
    space = home.unsubmitted().space
    slow = latest_table(home.stores, here()).corrections[space_digest(space)]
    for _ in range(2):  # two sessions at rest outvote those that were disturbed
        home.finish(home.stores.jobs.submit("local", request(SPEC)))
    table = latest_table(home.stores, here())
    correction = table.corrections[space_digest(space)]
    networks = [layers_of(space, point.architecture) for point in correction.points]
    assert [point.sum_ms for point in correction.points] == [table.costs_ms(one).sum() for one in networks]
    assert correction.a == pytest.approx(1.08 * slow.a, rel=0.01)
    predicted, factors = predict_points(correction, correction.points)
    measured = np.array([point.measured_ms for point in correction.points])
    off = np.maximum(measured / predicted, predicted / measured)
    assert (off <= factors).mean() >= correction.level


def test_a_search_on_a_later_day_takes_what_is_there(
    copied: Home, finished: FinishedSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profile, "datetime", Tomorrow)
    assert profile.profile_site(copied.context(seed=7), here()) is not None
    assert copied.watch.asked == []


def test_a_search_reads_what_was_profiled_for_another_job(home: Home) -> None:
    home.finish(home.stores.jobs.submit("local", request(SPEC)))
    measured = len(home.watch.asked)
    job = home.submit(small_spec())
    killer = Killer(at=lambda phase, done, note: phase == "train")
    assert home.attempt(job, killer) is JobState.QUEUED
    stored = home.stores.stored(job)
    assert stored.load("profile", profile.ProfileDocument).tables[0].num_measured_now == 0
    assert len(home.watch.asked) == measured


def test_a_preset_that_does_not_exist_is_refused(home: Home) -> None:
    unknown = SPEC.model_copy(update={"space": SpaceSpec(name="nas_bench_201", preset="huge")})
    job = home.stores.jobs.submit("local", request(unknown))
    with pytest.raises(UsageError) as caught:
        home.attempt(job)
    assert caught.value.code == "unknown_preset"


def test_a_specification_that_is_no_longer_understood_is_named(home: Home) -> None:
    document = {**small_spec().model_dump(mode="json"), "gone": 1}
    job = home.stores.jobs.submit("local", JobRequest(JobKind.SEARCH, document))
    with pytest.raises(UsageError) as caught:
        home.attempt(job)
    assert caught.value.code == "outdated_spec"
    assert "gone" in caught.value.message


def test_a_profile_that_is_no_longer_understood_is_named(home: Home) -> None:
    job = home.stores.jobs.submit("local", JobRequest(JobKind.PROFILE, {"gone": 1}))
    with pytest.raises(UsageError) as caught:
        home.attempt(job)
    assert caught.value.code == "outdated_spec"


def registered(home: Home, spec: dict[str, object], name: str = "mine") -> StoredDataset:
    """Register a data set and run the job that checks it."""
    dataset = home.stores.datasets.add("local", name, spec)
    assert dataset.state == "checking"
    home.finish(home.stores.jobs.get("local", dataset.job_id))
    return home.stores.datasets.get("local", name)


def uploaded(home: Home, name: str, content: bytes) -> StoredDataset:
    """The same for an archive of images that was uploaded."""
    path = home.settings.home / name
    path.write_bytes(content)
    file = home.stores.artifacts.put_file(path)
    return registered(home, {"name": "uploaded", "file": file, "content": "images"}, name)


def test_a_data_set_that_can_be_read_is_ready_with_its_digest_and_counts(home: Home) -> None:
    dataset = registered(home, small_spec().dataset.model_dump(mode="json"))
    ctx = home.unsubmitted()
    assert (dataset.state, dataset.digest) == ("ready", ctx.dataset.digest)
    assert dataset.report == ctx.dataset.report.as_dict()


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        ({"name": "image_folder", "path": "/nowhere/at/all"}, "dataset_not_found"),
        ({"name": "no such kind"}, "invalid_spec"),
    ],
)
def test_a_data_set_that_cannot_be_read_is_rejected_with_the_reason(
    spec: dict[str, object], code: str, home: Home
) -> None:
    dataset = registered(home, spec)
    assert (dataset.state, dataset.digest) == ("rejected", "")
    assert dataset.report["code"] == code
    assert dataset.report["message"]


def test_looking_at_a_data_set_tells_how_far_it_is(home: Home) -> None:
    """A folder of thousands of photographs takes longer than a job may stand still."""
    path, progress = home.settings.home / "pets", Recorder()
    path.write_bytes(folder_zip(per_class=40))
    spec = {"name": "uploaded", "file": home.stores.artifacts.put_file(path), "content": "images"}
    dataset = home.stores.datasets.add("local", "pets", spec)
    home.finish(home.stores.jobs.get("local", dataset.job_id), progress)
    assert [(done, total) for _, done, total, _ in progress.steps] == [(0, 1), (0, 80), (64, 80), (80, 80)]


def test_hostile_images_are_rejected_and_the_worker_goes_on(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = flat_png(8_000)
    monkeypatch.setattr(inspection, "MEMORY_BYTES", 2**29)
    bad = uploaded(home, "bombs", zipped({f"{one}/{n}.png": bomb for one in "ab" for n in range(2)}))
    assert (bad.state, bad.report["code"]) == ("rejected", "images_too_costly")
    good = uploaded(home, "pets", folder_zip())
    assert (good.state, good.report["num_images"]["test"] > 0, len(good.digest)) == ("ready", True, 64)

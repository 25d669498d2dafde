"""Profiling completes this machine's table and says how good it is."""

import io
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
from rich.console import Console

from latency_predictors.device import host_context
from latency_predictors.few_shot_fitting import fit_few_shot
from nas.job_records import Job, JobRequest
from nas.jobs import Fault, Faulted, JobKind, Succeeded
from nas.results import TableSummary
from nas.settings import Settings
from nas.specs import ContextSpec, ProfileSpec, SpaceSpec
from nas.store.few_shot_models import NAME, StoredFewShot
from nas.store.stores import opened_stores
from search_spaces.errors import HwnasError, MeasurementError, UsageError
from tests.api.handmade import calm_today, lookup_table, saved_table
from tests.latency_predictors.drawn_networks import networks, points
from tests.nas.store.boards import new_board
from tests.workers.jobs_at_work import TENANT, Workplace
from workers import searches
from workers.profiles import Profiled, profile_few_shot, profile_host


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


def test_what_is_there_already_is_not_measured_again(settings: Settings) -> None:
    before = calm_today(lookup_table())
    saved_table(settings.home, before)
    profiled = profile_host(settings, "mobilenet_v3", "tiny", num_classes=10, in_channels=1)
    assert (profiled.table.num_layers, profiled.table.num_measured_now) == (142, 0)
    with opened_stores(settings) as stores:
        (key,) = stores.tables.published()
        table = stores.tables.load(key.device, key.context)
        assert table is not None
        assert table.entries == before.entries
        # The worker that was started for it is gone.
        assert stores.workers.alive() == ()
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(profiled)
    # The table was calibrated on networks that run just as long as the sum of their layers.
    text = console.export_text()
    assert "a median error of 0" in text
    assert "142 layers of the space are in the table, 0 measured now" in text
    assert profiled.table.states == {"provisional": 142}
    assert "suspect" not in text


def test_layers_in_doubt_are_told_at_the_end() -> None:
    table = TableSummary(
        num_layers=142,
        num_measured_now=142,
        median_spread=0.01,
        sessions=("s1", "s2"),
        report={},
        states={"suspect": 41, "provisional": 101},
    )
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(Profiled(device="a machine", context="its context", table=table))
    assert "41 of 142 layers are suspect: the machine was busy" in console.export_text()


def test_a_profile_that_is_under_way_is_gone_on_with_and_its_end_is_told(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = ProfileSpec(space=SpaceSpec(name="mobilenet_v3", preset="tiny"), num_classes=10, in_channels=1)
    request = JobRequest(JobKind.PROFILE, spec.model_dump(mode="json"), "profile")
    job = place.stores.jobs.submit(TENANT, request)
    watched: list[str] = []

    def watch(stores: object, job: object, *others: object) -> object:
        watched.append(getattr(job, "id", ""))
        (claim,) = place.stores.queue.claim("w")
        place.stores.queue.settle(claim.lease, Faulted(Fault.POISON, "telemetry_on", "switch it off"))
        return place.stores.jobs.get(TENANT, claim.lease.job_id)

    monkeypatch.setattr(searches, "watch", watch)
    with pytest.raises(HwnasError) as caught:
        profile_host(place.settings, "mobilenet_v3", "tiny", num_classes=10, in_channels=1)
    assert watched == [job.id]
    assert caught.value.code == "telemetry_on"
    assert f"profile {job.id} was tried several times and is parked" in caught.value.message


def test_a_model_of_few_networks_is_asked_for_and_its_errors_are_told(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = fit_few_shot(points(networks(100, seed=0, noise=0.02), 20, seed=0))

    def watch(stores: object, job: Job, *others: object) -> object:
        assert (job.spec["few_shot"], job.spec["space"]["preset"]) == (20, "imagenet")
        (claim,) = place.stores.queue.claim("w")
        left = StoredFewShot(device="d", context="c", space_digest="s", model=model)
        place.stores.run(claim).save(NAME, left)
        place.stores.queue.settle(claim.lease, Succeeded())
        return place.stores.jobs.get(TENANT, job.id)

    monkeypatch.setattr(searches, "watch", watch)
    profiled = profile_few_shot(place.settings, "mobilenet_v3", "imagenet", 10, 3, num_networks=20)
    assert profiled.report == model.report
    console = Console(width=400, file=io.StringIO(), record=True)
    console.print(profiled)
    said = console.export_text()
    assert "20 whole networks were measured; of those drawn at random, left out one by one" in said
    assert "% of 9 inside the 90.0 % intervals" in said
    assert "`hwnas predict` uses it until there is a table" in said


def test_a_model_of_a_board_is_told_with_the_command_that_uses_it(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_board(place.stores.engine, "pi5", TENANT)
    model = fit_few_shot(points(networks(100, seed=0, noise=0.02), 20, seed=0))

    def watch(stores: object, job: Job, *others: object) -> object:
        (claim,) = place.stores.queue.claim("w")
        left = StoredFewShot(device="d", context="c", space_digest="s", model=model)
        place.stores.run(claim).save(NAME, left)
        place.stores.queue.settle(claim.lease, Succeeded())
        return place.stores.jobs.get(TENANT, job.id)

    monkeypatch.setattr(searches, "watch", watch)
    profiled = profile_few_shot(place.settings, "mobilenet_v3", "tiny", 10, 1, num_networks=20, device="pi5")
    console = Console(width=400, file=io.StringIO(), record=True)
    console.print(profiled)
    assert "`hwnas predict --device pi5` uses it until there is a table" in console.export_text()


def test_another_context_is_another_table(settings: Settings) -> None:
    where = host_context("openvino", batch=4)
    saved_table(settings.home, calm_today(lookup_table()).model_copy(update={"context": where}))
    context = ContextSpec(runtime="openvino", batch=4)
    profiled = profile_host(settings, "mobilenet_v3", "tiny", 10, 1, context)
    assert (profiled.context, profiled.table.num_measured_now) == (where.label, 0)


def test_a_runtime_that_is_not_installed_is_said_before_anything_is_queued(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("latency_predictors.device.version", missing)
    with pytest.raises(MeasurementError, match="pip install openvino") as caught:
        profile_host(settings, "mobilenet_v3", "tiny", 10, 1, ContextSpec(runtime="openvino"))
    assert caught.value.code == "runtime_missing"
    assert not settings.home.exists()


def missing(package: str) -> str:
    """The version of a package that is not there."""
    raise PackageNotFoundError(package)


@pytest.mark.parametrize(
    ("name", "preset", "code"),
    [("vgg", None, "unknown_space"), ("mobilenet_v3", "huge", "unknown_preset")],
)
def test_what_does_not_exist_is_refused(settings: Settings, name: str, preset: str | None, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        profile_host(settings, name, preset, num_classes=10, in_channels=1)
    assert caught.value.code == code
    assert not settings.home.exists()


@pytest.mark.parametrize(("device", "code"), [("pi5", "device_missing"), ("Pi 5", "unknown_device")])
def test_a_board_that_is_not_there_is_told_at_once(place: Workplace, device: str, code: str) -> None:
    with pytest.raises(HwnasError) as caught:
        profile_host(place.settings, "mobilenet_v3", "tiny", num_classes=10, in_channels=1, device=device)
    assert caught.value.code == code
    assert place.stores.jobs.page("local").jobs == ()

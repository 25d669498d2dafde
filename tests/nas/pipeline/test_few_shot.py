"""Few whole networks are measured on this host, and a model is left for it."""

from dataclasses import replace

import numpy as np
import pytest

from latency_predictors.device import host_context, host_device
from latency_predictors.doubt import Doubt
from latency_predictors.few_shot import FewShotModel, FewShotPredictor
from latency_predictors.measure import NETWORK_PROTOCOL
from latency_predictors.spread import Measured
from nas.export.classifier import read_metadata
from nas.job_records import JobRequest
from nas.jobs import JobKind, Succeeded
from nas.pipeline.few_shot import VerifiedThere, profile_few_shot, refit_few_shots
from nas.specs import ContextSpec, ProfileSpec, SpaceSpec
from nas.store.few_shot_models import NAME, REFITTED, RefittedFewShot, StoredFewShot, latest_few_shot
from nas.store.golden_store import DatabaseGoldenStore
from search_spaces.base import Architecture, architecture_digest, space_digest
from search_spaces.catalogue import get_space
from search_spaces.sampling import as_architecture, as_array, random_architectures
from tests.nas.pipeline.sites import here
from tests.nas.pipeline.small_search import Home, Recorder

SPACE = get_space("nas_bench_201", preset="tiny", num_classes=4, in_channels=3)
AT = "2026-01-01T00:00:02+00:00"
SPEC = ProfileSpec(space=SpaceSpec(name="nas_bench_201", preset="tiny"), num_classes=4, few_shot=8)


def known(home: Home) -> FewShotModel | None:
    """The model of this machine for the space."""
    where = {"device": host_device().digest, "context": host_context().digest}
    return latest_few_shot(home.stores, "local", **where, space_digest=space_digest(SPACE))


def test_a_profile_measures_whole_networks_only_and_leaves_a_model(home: Home) -> None:
    job = home.stores.jobs.submit("local", JobRequest(JobKind.PROFILE, SPEC.model_dump(mode="json")))
    home.finish(job)
    (asked,) = home.watch.asked
    model = known(home)
    assert model is not None
    assert sorted(point.digest for point in model.points) == sorted(asked)
    assert len(asked) == len(set(asked)) == 8
    assert (model.report.num_networks, model.report.num_drawn) == (8, 4)
    assert model.report.num_published == 0
    assert min(point.measured_ms for point in model.points) > 0
    assert {point.session_ids for point in model.points} == {("session-1-0", "session-1-1")}
    assert all(point.measured_at for point in model.points)
    assert home.stores.tables.load(host_device().digest, host_context().digest) is None


def test_networks_are_timed_by_their_protocol_and_asked_for_once(home: Home) -> None:
    progress = Recorder()
    ctx = home.context(progress)
    for _ in range(2):
        assert profile_few_shot(ctx, here(), 6) is None
    # Two sessions of six networks, 0.18 s each, and 1.5 s around them.
    assert progress.said == [f"measuring 6 whole networks on {host_device().label}, for about 5.2 s"]
    leased = home.stores.measurements.lease(host_device().digest, "by hand")
    assert leased is not None
    (batch,) = leased[1]
    assert batch.timing == NETWORK_PROTOCOL
    assert len(batch.artifacts) == 6


def test_networks_of_an_int8_context_are_int8_files(home: Home) -> None:
    assert profile_few_shot(home.context(), here(replace(host_context(), precision="int8")), 6) is None
    leased = home.stores.measurements.lease(host_device().digest, "by hand")
    assert leased is not None
    (batch,) = leased[1]
    assert batch.context.precision == "int8"
    for artifact in batch.artifacts.values():
        assert read_metadata(home.stores.artifacts.local_path(artifact, ".onnx")).precision == "int8"


def found_in(ms: float) -> Measured:
    """What sessions found of a network on a restless device."""
    return Measured("d", ms, ms, ms, ms, 0.01, ("s1", "s2"), suspect=True, measured_at=AT)


def profiled(home: Home, **changes: object) -> FewShotModel:
    """The model once a profile has ended."""
    spec = SPEC.model_copy(update=changes).model_dump(mode="json")
    left = home.finish(home.stores.jobs.submit("local", JobRequest(JobKind.PROFILE, spec)))
    return left.load(NAME, StoredFewShot).model


def unmeasured(model: FewShotModel) -> Architecture:
    """A network that a model was not fitted on."""
    digests = {point.digest for point in model.points}
    drawn = map(as_architecture, random_architectures(SPACE, 20, np.random.default_rng(1)))
    return next(one for one in drawn if architecture_digest(SPACE, one) not in digests)


def test_networks_that_a_search_verified_there_join_the_model(home: Home) -> None:
    model = profiled(home)
    known_digests = {point.digest for point in model.points}
    architecture = unmeasured(model)
    ctx = home.context()
    elsewhere = here(replace(host_context(), threads=2))
    refit_few_shots(ctx, [VerifiedThere(elsewhere, ((architecture, found_in(1.0)),))])
    assert not ctx.run.stored.has(REFITTED), "there is no model of that context"
    before = FewShotPredictor(SPACE, model).predict(as_array(architecture))
    inside, outside = float(before.point[0]), 3.0 * float(before.upper[0])
    # Two targets on one device: the second finds what the first has left.
    for found in (inside, outside):
        refit_few_shots(ctx, [VerifiedThere(here(), ((architecture, found_in(found)),))] * 2)
        (one,) = ctx.run.stored.load(REFITTED, RefittedFewShot).models
        report = one.model.report
        assert (report.num_networks, report.num_verified, report.num_suspect) == (9, 1, 1)
        assert report.verified_coverage == float(found == inside)
    (joined,) = ctx.run.stored.load(REFITTED, RefittedFewShot).models
    (new,) = [point for point in joined.model.points if point.digest not in known_digests]
    assert (new.session_ids, new.measured_at) == (("s1", "s2"), AT)
    assert known(home) == model, "the search has not ended"
    home.stores.queue.settle(ctx.run.lease, Succeeded())
    assert known(home) == joined.model


def test_networks_that_searches_verified_stay_when_there_is_another_profile(home: Home) -> None:
    first = profiled(home)
    ctx = home.context()
    refit_few_shots(ctx, [VerifiedThere(here(), ((unmeasured(first), found_in(1.0)),))])
    home.stores.queue.settle(ctx.run.lease, Succeeded())
    joined = known(home)
    assert joined is not None
    assert joined.report.num_verified == 1
    again = profiled(home)
    assert again.model_copy(update={"created_at": joined.created_at}) == joined, "nothing new was measured"
    more = profiled(home, few_shot=12)
    assert {point.digest for point in more.points} > {point.digest for point in joined.points}
    assert (more.report.num_verified, more.report.num_drawn) == (1, 6)
    assert more.report.verified_coverage == joined.report.verified_coverage
    elsewhere = profiled(home, context=ContextSpec(threads=2))
    assert (elsewhere.report.num_networks, elsewhere.report.num_verified) == (8, 0)


def test_networks_in_doubt_do_not_stay_when_there_is_another_profile(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = profiled(home)
    ctx = home.context()
    verified = unmeasured(first)
    refit_few_shots(ctx, [VerifiedThere(here(), ((verified, found_in(1.0)),))])
    home.stores.queue.settle(ctx.run.lease, Succeeded())
    joined = known(home)
    assert joined is not None
    (point,) = {one.digest: one for one in joined.points}.keys() - {one.digest for one in first.points}
    sessions = {one.digest: one.session_ids for one in joined.points}[point]
    doubt = Doubt(dict.fromkeys(sessions, "its fan has stopped"), unnamed="" if sessions else "it is another")
    monkeypatch.setattr(DatabaseGoldenStore, "doubted_networks", lambda *where: doubt)
    again = profiled(home)
    assert {one.digest for one in again.points} == {one.digest for one in first.points}


def test_a_damaged_model_is_replaced_by_a_profile(home: Home) -> None:
    first = profiled(home)
    ctx = home.context()
    home.stores.results.save_document(ctx.run.lease, REFITTED, "no document")
    home.stores.queue.settle(ctx.run.lease, Succeeded())
    again = profiled(home)
    assert again.points == first.points
    assert known(home) == again

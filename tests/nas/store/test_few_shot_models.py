"""The newest model for a device, context and space is found again."""

from pathlib import Path

import pytest

from latency_predictors.few_shot import FewShotModel
from latency_predictors.few_shot_fitting import fit_few_shot
from nas.job_records import JobRequest
from nas.jobs import JobKind, Released, Succeeded
from nas.settings import Settings
from nas.store.few_shot_models import (
    NAME,
    REFITTED,
    RefittedFewShot,
    StoredFewShot,
    known_few_shots,
    latest_few_shot,
)
from nas.store.stores import Stores, opened_stores
from search_spaces.errors import ArtifactError
from tests.latency_predictors.drawn_networks import networks, points
from tests.nas.store.queued import TENANT

FOUND = networks(100, seed=0, noise=0.02)
MODELS = [fit_few_shot(points(FOUND, 10, seed=seed)) for seed in range(2)]


def left(
    stores: Stores, model: FewShotModel, device: str = "d", context: str = "c", done: bool = True
) -> None:
    """A profile that has left a model, and ended or not."""
    stores.jobs.submit(TENANT, JobRequest(JobKind.PROFILE, {"few_shot": 10}))
    (claim,) = stores.queue.claim("w")
    run = stores.run(claim)
    run.save(NAME, StoredFewShot(device=device, context=context, space_digest="s", model=model))
    stores.queue.settle(claim.lease, Succeeded() if done else Released())
    if not done:
        stores.jobs.request_cancel(TENANT, claim.lease.job_id)


def found(stores: Stores, device: str = "d", context: str = "c", space: str = "s") -> FewShotModel | None:
    return latest_few_shot(stores, TENANT, device=device, context=context, space_digest=space)


def test_the_newest_of_its_own_is_found(tmp_path: Path) -> None:
    with opened_stores(Settings(home=tmp_path)) as stores:
        assert found(stores) is None
        left(stores, MODELS[0])
        assert found(stores) == MODELS[0]
        left(stores, MODELS[1])
        left(stores, MODELS[0], device="another")
        left(stores, MODELS[0], context="another")
        left(stores, MODELS[0], done=False)
        assert found(stores) == MODELS[1]
        assert found(stores, device="another") == MODELS[0]
        assert found(stores, space="another") is None


def test_of_each_device_context_and_space_the_newest_is_known(tmp_path: Path) -> None:
    with opened_stores(Settings(home=tmp_path)) as stores:
        assert known_few_shots(stores, TENANT) == ()
        left(stores, MODELS[0])
        left(stores, MODELS[0], device="another")
        left(stores, MODELS[1])
        left(stores, MODELS[0], done=False)
        known = known_few_shots(stores, TENANT)
        assert [(one.stored.device, one.stored.model) for one in known] == [
            ("d", MODELS[1]),
            ("another", MODELS[0]),
        ]
        assert known_few_shots(stores, "other") == ()


def test_a_model_that_a_search_has_refitted_is_of_the_space_of_its_profile(tmp_path: Path) -> None:
    with opened_stores(Settings(home=tmp_path)) as stores:
        left(stores, MODELS[0])
        stores.jobs.submit(TENANT, JobRequest(JobKind.SEARCH, {"space": {"name": "resnet"}}))
        (claim,) = stores.queue.claim("w")
        refitted = StoredFewShot(device="d", context="c", space_digest="s", model=MODELS[1])
        stores.run(claim).save(REFITTED, RefittedFewShot(models=(refitted,)))
        stores.queue.settle(claim.lease, Succeeded())
        (known,) = known_few_shots(stores, TENANT)
        assert known.stored == refitted
        assert known.profile is not None
        assert (known.profile.space.name, known.profile.few_shot) == ("mobilenet_v3", 10)


def test_another_tenant_sees_nothing(tmp_path: Path) -> None:
    with opened_stores(Settings(home=tmp_path)) as stores:
        left(stores, MODELS[0])
        assert latest_few_shot(stores, "other", device="d", context="c", space_digest="s") is None


def test_a_document_that_is_none_is_named(tmp_path: Path) -> None:
    with opened_stores(Settings(home=tmp_path)) as stores:
        stores.jobs.submit(TENANT, JobRequest(JobKind.PROFILE, {"few_shot": 10}))
        (claim,) = stores.queue.claim("w")
        stores.results.save_document(claim.lease, NAME, "{}")
        stores.queue.settle(claim.lease, Succeeded())
        with pytest.raises(ArtifactError) as caught:
            found(stores)
        assert known_few_shots(stores, TENANT) == (), "a list has the others"
    assert caught.value.code == "damaged_file"

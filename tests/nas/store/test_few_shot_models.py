"""The newest model for a device, context and space is found again."""

from collections.abc import Callable
from pathlib import Path

import pytest

from latency_predictors.device import ExecutionContext, host_device
from latency_predictors.few_shot import FewShotModel
from latency_predictors.few_shot_fitting import fit_few_shot
from nas.job_records import JobRequest
from nas.jobs import JobKind, Released, Succeeded
from nas.settings import Settings
from nas.store.device_rows import register
from nas.store.few_shot_models import (
    NAME,
    REFITTED,
    RefittedFewShot,
    StoredFewShot,
    known_few_shots,
    latest_few_shot,
)
from nas.store.job_run import StoredJob
from nas.store.result_store import DatabaseResultStore
from nas.store.session import writing
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


def refitted(stores: Stores, *models: StoredFewShot, text: str | None = None) -> None:
    """A search that has left models, or a document that has them as it stands."""
    stores.jobs.submit(TENANT, JobRequest(JobKind.SEARCH, {"space": {"name": "resnet"}}))
    (claim,) = stores.queue.claim("w")
    stores.run(claim).save(REFITTED, RefittedFewShot(models=models))
    if text is not None:
        stores.results.save_document(claim.lease, REFITTED, text)
    stores.queue.settle(claim.lease, Succeeded())


def of(device: str, model: FewShotModel) -> StoredFewShot:
    return StoredFewShot(device=device, context="c", space_digest="s", model=model)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Callable[[], tuple[int, int]]:
    """How many documents were parsed, and read at all, since it was asked last."""
    counted = {"load": 0, "document": 0}

    def count(owner: type, name: str) -> None:
        plain = getattr(owner, name)

        def counting(*args: object) -> object:
            counted[name] += 1
            return plain(*args)

        monkeypatch.setattr(owner, name, counting)

    count(StoredJob, "load")
    count(DatabaseResultStore, "document")

    def since() -> tuple[int, int]:
        told = counted["load"], counted["document"]
        counted.update(load=0, document=0)
        return told

    return since


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
        refitted(stores, of("d", MODELS[1]))
        (known,) = known_few_shots(stores, TENANT)
        assert known.stored == of("d", MODELS[1])
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


def test_of_many_searches_only_the_newest_model_is_parsed_and_once(
    url: str, tmp_path: Path, calls: Callable[[], tuple[int, int]]
) -> None:
    with opened_stores(Settings(home=tmp_path, database_url=url)) as stores:
        left(stores, MODELS[0])
        for number in range(10):
            refitted(stores, of("d", MODELS[number % 2]))
        (known,) = known_few_shots(stores, TENANT)
        assert known.stored.model == MODELS[1]
        assert known.profile is not None
        assert known.profile.few_shot == 10
        assert calls()[0] == 1
        assert known_few_shots(stores, TENANT) == (known,)
        assert found(stores) == MODELS[1]
        assert calls() == (0, 0), "what has ended stays as it is"
        refitted(stores, of("d", MODELS[0]))
        assert [one.stored.model for one in known_few_shots(stores, TENANT)] == [MODELS[0]]
        assert calls()[0] == 1


def test_a_document_of_several_models_is_parsed_where_one_is_the_newest(
    tmp_path: Path, calls: Callable[[], tuple[int, int]]
) -> None:
    with opened_stores(Settings(home=tmp_path)) as stores:
        refitted(stores, of("a", MODELS[0]), of("b", MODELS[0]))
        refitted(stores, of("b", MODELS[0]), of("c", MODELS[0]))
        refitted(stores, of("b", MODELS[1]), of("c", MODELS[1]))
        known = {one.stored.device: one.stored.model for one in known_few_shots(stores, TENANT)}
        assert known == {"a": MODELS[0], "b": MODELS[1], "c": MODELS[1]}
        assert calls()[0] == 2


@pytest.mark.parametrize(
    "text",
    [
        '{"models": [{"device": "d", "context": "c", "space_digest": "s", "model": {}}]}',
        '{"models": [{"device": "d"}]}',
        '{"models": 1}',
        "[]",
        "no document",
    ],
)
def test_behind_a_damaged_document_the_model_before_is_listed(tmp_path: Path, text: str) -> None:
    with opened_stores(Settings(home=tmp_path)) as stores:
        left(stores, MODELS[0])
        refitted(stores, text=text)
        assert [one.stored.model for one in known_few_shots(stores, TENANT)] == [MODELS[0]]
        with pytest.raises(ArtifactError) as caught:
            found(stores)
    assert caught.value.code == "damaged_file"


def test_a_model_has_the_facts_of_its_hardware(url: str, tmp_path: Path) -> None:
    device = host_device()
    with opened_stores(Settings(home=tmp_path, database_url=url)) as stores:
        with writing(stores.engine) as connection:
            register(connection, device, ExecutionContext("fake", "1"), {"tenant": TENANT, "owner": ""})
        left(stores, MODELS[0])
        left(stores, MODELS[0], device=device.digest)
        known = known_few_shots(stores, TENANT)
    assert [one.device for one in known] == [device, None]

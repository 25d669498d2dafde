"""Models of few whole networks, as profiles leave them, and a board that they may be of."""

from pathlib import Path

import numpy as np

from latency_predictors.device import host_context, host_device
from latency_predictors.few_shot import FewShotModel, FewShotPoint
from latency_predictors.few_shot_fitting import fit_few_shot
from latency_predictors.measure import NETWORK_PROTOCOL
from latency_predictors.network_features import network_features
from nas.job_records import JobRequest
from nas.jobs import JobKind, Succeeded
from nas.measurement_tasks import MeasurementTask
from nas.pipeline.sites import Site, site_of
from nas.settings import Settings
from nas.specs import ContextSpec, ProfileSpec
from nas.store.few_shot_models import NAME, StoredFewShot
from nas.store.stores import opened_stores
from search_spaces.base import space_digest
from search_spaces.sampling import random_architectures
from tests.api.handmade import SPACE, claimed
from tests.nas.store.boards import new_board

TENANT = "local"
THIS_MACHINE = Site(host_device(), host_context())


def registered_board(home: Path, name: str = "pi5", tenant: str = TENANT) -> Site:
    """A board that has told who it is; how it runs networks with what it has."""
    with opened_stores(Settings(home=home)) as stores:
        new_board(stores.engine, name, tenant, unit=name)
        return site_of(stores, tenant, name, ContextSpec())


def few_shot_model(ns_a_mac: float = 0.1, num_networks: int = 20) -> FewShotModel:
    """A model of networks of `SPACE` that take so long for each multiply-accumulate, and 0.01 ms."""
    archs = random_architectures(SPACE, 60, np.random.default_rng(0))
    features = network_features(SPACE)(archs)
    points = [
        FewShotPoint(
            digest=f"{i:064x}",
            features=tuple(features[i].tolist()),
            measured_ms=1e-6 * ns_a_mac * features[i, 5] + 0.01,
            rel_sd=0.01,
            drawn=i % 2 == 0,
        )
        for i in range(num_networks)
    ]
    return fit_few_shot(points)


def saved_few_shot(
    home: Path, site: Site = THIS_MACHINE, model: FewShotModel | None = None, tenant: str = TENANT
) -> FewShotModel:
    """Keep a model for `SPACE`, as a profile does."""
    model = model or few_shot_model()
    spec = ProfileSpec(few_shot=len(model.points), in_channels=1).model_dump(mode="json")
    with opened_stores(Settings(home=home)) as stores:
        run = claimed(stores, stores.jobs.submit(tenant, JobRequest(JobKind.PROFILE, spec)))
        # What is measured is queued first, which makes device and context known.
        stores.measurements.enqueue(run.lease, [_task(site)])
        where = {"device": site.device.digest, "context": site.context.digest}
        run.save(NAME, StoredFewShot(**where, space_digest=space_digest(SPACE), model=model))
        stores.queue.settle(run.lease, Succeeded())
    return model


def _task(site: Site) -> MeasurementTask:
    return MeasurementTask(site.device, site.context, NETWORK_PROTOCOL, "a" * 64, "b" * 64, 1)

"""Profiling without a table: few whole networks are measured, and a model is fitted on them.

Networks that a search verifies on that device later join it, and stay when networks are chosen and measured
anew.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from latency_predictors.few_shot import FewShotModel, FewShotPoint
from latency_predictors.few_shot_fitting import fit_design, fit_few_shot, refit_few_shot
from latency_predictors.latency_metric import PLAIN
from latency_predictors.measure import NETWORK_PROTOCOL
from latency_predictors.network_design import design_networks
from latency_predictors.network_features import network_features
from latency_predictors.spread import Measured, combine_sessions
from nas.pipeline.announcement import announce
from nas.pipeline.calibrating import initial_file
from nas.pipeline.context import RunContext
from nas.pipeline.durations import measuring_s
from nas.pipeline.measuring import measured_as_far
from nas.pipeline.sites import Site
from nas.store.few_shot_models import (
    NAME,
    REFITTED,
    Key,
    RefittedFewShot,
    StoredFewShot,
    known_few_shots,
    latest_few_shot,
)
from nas.training.recipes import spread_architectures
from search_spaces.base import Architecture, SearchSpace, architecture_digest, space_digest
from search_spaces.sampling import as_architecture

_POOL: Final = 4_000
_SEED: Final = 0


@dataclass(frozen=True)
class VerifiedThere:
    """Networks that a search verified on one target.

    Attributes:
        site: Where.
        measured: Architectures, with what sessions found of each.
    """

    site: Site
    measured: tuple[tuple[Architecture, Measured], ...]


def profile_few_shot(ctx: RunContext, site: Site, num_networks: int) -> FewShotModel | None:
    """Return the model of a device for a space, and keep it; None while networks are measured.

    Networks of the model that was there stay in the fit, as chosen ones: searches have verified some since,
    and earlier profiles have measured others.

    Args:
        ctx: The job.
        site: Where networks are run, and how.
        num_networks: To be measured; 10 to 20 are meant.

    Raises:
        UsageError: `too_few_networks`, also where the space has fewer.
        MeasurementError: What keeps the device from being measured.
    """
    rng = np.random.default_rng(_SEED)
    candidates = np.unique(spread_architectures(ctx.space, _POOL, rng), axis=0)
    features = network_features(ctx.space)(candidates)
    design = design_networks(features, num_networks, rng)
    chosen = [as_architecture(candidates[i]) for i in design.chosen]
    digests = [architecture_digest(ctx.space, one) for one in chosen]

    def write(architecture: Architecture) -> str:
        return ctx.stores.artifacts.put(initial_file(ctx.space, architecture, site.context.precision))

    files = {digest: partial(write, one) for digest, one in zip(digests, chosen, strict=True)}
    found = measured_as_far(ctx, site, NETWORK_PROTOCOL, files)
    if found is None:
        announce(ctx, site, 0, len(chosen), measuring_s(0, len(chosen), PLAIN))
        return None
    values = combine_sessions(found.sessions)
    published = {one.session_id for one in found.sessions if one.provenance == "published"}
    points = [
        FewShotPoint(
            digest=digest,
            features=tuple(features[i].tolist()),
            measured_ms=values[digest].median_ms,
            rel_sd=values[digest].rel_sd,
            drawn=i in design.drawn,
            suspect=values[digest].suspect,
            session_ids=values[digest].session_ids,
            measured_at=values[digest].measured_at,
            published=not published.isdisjoint(values[digest].session_ids),
        )
        for i, digest in zip(design.chosen, digests, strict=True)
        if digest in values
    ]
    known = _fitted_before(ctx, site)
    model = fit_few_shot(points) if known is None else fit_design(points, known)
    ctx.run.save(NAME, _stored(ctx, site, model))
    return model


def _fitted_before(ctx: RunContext, site: Site) -> FewShotModel | None:
    """Return the newest model of a site that can be read, without networks in doubt; None if there is none.

    A damaged one is left out: a profile is what puts another in its place. So are networks that were measured
    while nobody knew how fast the board was: it is profiled again for that.
    """
    there = (one.stored for one in known_few_shots(ctx.stores, ctx.run.lease.tenant))
    model = next((one.model for one in there if one.key == _key(ctx, site)), None)
    if model is None:
        return None
    doubt = ctx.stores.golden.doubted_networks(site.device.digest, site.context.digest)
    return model.model_copy(update={"points": tuple(one for one in model.points if not doubt.why(one))})


def refit_few_shots(ctx: RunContext, verified: Sequence[VerifiedThere]) -> None:
    """Have networks that a search verified join the models of the devices they ran on, where there are any.

    Args:
        ctx: The search.
        verified: What was verified, target by target.
    """
    models: dict[Key, StoredFewShot] = {}
    for one in verified:
        stored = _known(ctx, one.site, models)
        if stored is not None and one.measured:
            model = refit_few_shot(stored.model, _points(ctx.space, stored.model, one))
            models[stored.key] = stored.model_copy(update={"model": model})
    if models:
        ctx.run.save(REFITTED, RefittedFewShot(models=tuple(models.values())))


def _known(ctx: RunContext, site: Site, models: Mapping[Key, StoredFewShot]) -> StoredFewShot | None:
    """Return the model of a site as it is by now; None where there is none."""
    key = _key(ctx, site)
    if key in models:
        return models[key]
    model = latest_few_shot(
        ctx.stores, ctx.run.lease.tenant, device=key[0], context=key[1], space_digest=key[2]
    )
    return None if model is None else _stored(ctx, site, model)


def _key(ctx: RunContext, site: Site) -> Key:
    return site.device.digest, site.context.digest, space_digest(ctx.space)


def _points(space: SearchSpace, model: FewShotModel, verified: VerifiedThere) -> list[FewShotPoint]:
    """Return verified networks beside what the model says of them."""
    features = network_features(space)(np.array([one for one, _ in verified.measured]))
    point, factor = model.point(features), model.factor(features)
    return [
        FewShotPoint(
            digest=architecture_digest(space, architecture),
            features=tuple(features[row].tolist()),
            measured_ms=found.median_ms,
            rel_sd=found.rel_sd,
            drawn=False,
            suspect=found.suspect,
            session_ids=found.session_ids,
            measured_at=found.measured_at,
            predicted_ms=(float(point[row] / factor[row]), float(point[row] * factor[row])),
        )
        for row, (architecture, found) in enumerate(verified.measured)
    ]


def _stored(ctx: RunContext, site: Site, model: FewShotModel) -> StoredFewShot:
    device, context, space = _key(ctx, site)
    return StoredFewShot(device=device, context=context, space_digest=space, model=model)

"""Profiling without a table: few whole networks are measured, and a model is fitted on them."""

from functools import partial
from typing import Final

import numpy as np

from latency_predictors.few_shot import FewShotModel, FewShotPoint
from latency_predictors.few_shot_fitting import fit_few_shot
from latency_predictors.measure import NETWORK_PROTOCOL
from latency_predictors.network_design import design_networks
from latency_predictors.network_features import network_features
from latency_predictors.spread import combine_sessions
from nas.pipeline.context import RunContext
from nas.pipeline.measuring import measured
from nas.pipeline.profile import initial_file
from nas.pipeline.sites import Site
from nas.store.few_shot_models import NAME, StoredFewShot
from nas.training.recipes import spread_architectures
from search_spaces.base import Architecture, architecture_digest, space_digest
from search_spaces.sampling import as_architecture

_POOL: Final = 4_000
_SEED: Final = 0


def profile_few_shot(ctx: RunContext, site: Site, num_networks: int) -> FewShotModel | None:
    """Return the model of a device for a space, and keep it; None while networks are measured.

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
    sessions = measured(ctx, site, NETWORK_PROTOCOL, files)
    if sessions is None:
        return None
    values = combine_sessions(sessions)
    model = fit_few_shot(
        [
            FewShotPoint(
                digest=digest,
                features=tuple(features[i].tolist()),
                measured_ms=values[digest].median_ms,
                rel_sd=values[digest].rel_sd,
                drawn=i in design.drawn,
            )
            for i, digest in zip(design.chosen, digests, strict=True)
        ]
    )
    where = {"device": site.device.digest, "context": site.context.digest}
    ctx.run.save(NAME, StoredFewShot(**where, space_digest=space_digest(ctx.space), model=model))
    return model

"""Costs of architectures on a device, predicted from its stored table, or its model of few networks."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

from api.named_tables import not_calibrated
from api.predicted_networks import predicted_networks
from api.prediction_sources import PredictionSource, few_shot_source, table_source
from api.predictions import Predictions
from latency_predictors.device import host_device
from latency_predictors.latency_metric import PLAIN
from latency_predictors.lookup_table import LookupTable
from nas.pipeline.sites import Site
from nas.specs import ContextSpec, LatencySpec, SpaceSpec, Spec
from nas.store.few_shot_models import KnownFewShot
from nas.store.measurement_rows import CONTEXT
from nas.store.stores import Stores
from search_spaces.base import SearchSpace, architecture_from_values, space_digest
from search_spaces.catalogue import get_space
from search_spaces.errors import MeasurementError
from search_spaces.sampling import as_array, canonical
from search_spaces.slot_tables import distinct_layers

Word = Annotated[str, Field(max_length=100)]


class AskedCosts(Spec):
    """Which architectures, of which space, run how.

    Attributes:
        space: Theirs.
        num_classes: Of the images.
        in_channels: 1 for grey images, 3 for colour.
        context: How the device runs them.
        latency: What is meant by it.
        architectures: The option of every choice, by name.
        fill: Whether layers that were not measured may be fitted to those that were; intervals are wider.
    """

    space: SpaceSpec = SpaceSpec()
    num_classes: Annotated[int, Field(ge=2, le=100_000)] = 10
    in_channels: Annotated[int, Field(ge=1, le=4)] = 3
    context: ContextSpec = ContextSpec()
    latency: LatencySpec = LatencySpec()
    architectures: Annotated[
        tuple[dict[Word, Word | bool | int | float | None], ...], Field(min_length=1, max_length=300)
    ]
    fill: bool = False


def predicted(
    stores: Stores,
    tenant: str,
    device_id: str,
    asked: AskedCosts,
    known: Callable[[], Sequence[KnownFewShot]],
) -> Predictions:
    """Predict the costs of architectures on a device.

    Args:
        stores: Where its table is.
        tenant: Whose boards there are.
        device_id: Its digest, or `host` for the machine of this service.
        asked: Which architectures.
        known: Looks up the models of few networks that count, the newest first, where no table does; their
            hardware may be gone.

    Raises:
        UsageError: `unknown_space`, `unknown_preset` or `invalid_architecture`.
        MeasurementError: `no_profile` where neither its table nor a model tells; it says so where the
            hardware is gone that would have to be measured. `too_few_layers` where the table lacks so much
            that nothing can be filled in.
    """
    space = get_space(
        asked.space.name,
        preset=asked.space.preset,
        num_classes=asked.num_classes,
        in_channels=asked.in_channels,
    )
    named = (architecture_from_values(space, dict(one)) for one in asked.architectures)
    archs = canonical(space, as_array(*named))
    source = _source(stores, tenant, device_id, space, asked, known)
    return Predictions(
        device=source.site.device.label,
        context=source.site.context.label,
        space=asked.space,
        num_classes=asked.num_classes,
        in_channels=asked.in_channels,
        level=source.level,
        report=source.report,
        networks=predicted_networks(space, archs, source.predict(archs), source.site),
        few_shot=source.few_shot,
        states=source.states,
        latency=asked.latency.metric.label,
    )


def _source(
    stores: Stores,
    tenant: str,
    device_id: str,
    space: SearchSpace,
    asked: AskedCosts,
    known: Callable[[], Sequence[KnownFewShot]],
) -> PredictionSource:
    """Return the table of a device, where it does; its model of few networks otherwise."""
    device = host_device().digest if device_id == "host" else device_id
    table = _table(stores, device, asked.context)
    correction = table and table.corrections.get(asked.latency.metric.correction_key(space_digest(space)))
    missing = len(table.missing(distinct_layers(space))) if table else 0
    if table and correction and (asked.fill or not missing):
        return table_source(space, table, correction, fill=asked.fill)
    # They are of plain medians: for others none is looked up.
    plain = asked.latency.metric == PLAIN
    if plain and (model := _few_shot(stores, known(), device, space, asked.context)) is not None:
        return model
    here = _is_here(stores, tenant, device)
    if not table:
        raise _no_profile(
            here, f"in that context ({', '.join(map(str, asked.context.model_dump().values()))})"
        )
    if not correction and asked.latency.metric != PLAIN:
        raise not_calibrated("the device", space, asked.latency)
    if not correction:
        raise _no_profile(here, f"for space '{space.name}' of such images")
    num_layers = len(distinct_layers(space))
    raise _no_profile(here, f"for {missing} of {num_layers} layers", "ask with `fill`, which fits those; ")


def _table(stores: Stores, device: str, wanted: ContextSpec) -> LookupTable | None:
    facts = stores.tables.contexts()
    keys = [key for key in stores.tables.published() if key.device == device]
    fitting = [key for key in keys if _is_meant(facts[key.context], wanted)]
    newest = max(fitting, key=lambda key: key.created_at_ms, default=None)
    return stores.tables.load(newest.device, newest.context) if newest else None


def _few_shot(
    stores: Stores, known: Sequence[KnownFewShot], device: str, space: SearchSpace, wanted: ContextSpec
) -> PredictionSource | None:
    facts, digest = stores.tables.contexts(), space_digest(space)
    for model in known:  # the newest first
        one = model.stored
        for_it = (one.device, one.space_digest) == (device, digest) and one.context in facts
        if for_it and model.device and _is_meant(facts[one.context], wanted):
            context = CONTEXT.validate_python(facts[one.context])
            return few_shot_source(space, one.model, Site(model.device, context))
    return None


def _is_meant(facts: Mapping[str, Any], wanted: ContextSpec) -> bool:
    """Whether a context is one that was asked for: of whichever version of its runtime."""
    return all(facts[name] == value for name, value in {**wanted.model_dump(), "pause_ms": 0.0}.items())


def _is_here(stores: Stores, tenant: str, digest: str) -> bool:
    """Whether a device is this machine or a board of a tenant by now: one that can be measured."""
    devices = (host_device(), *(agent.device for agent in stores.agents.list_all(tenant)))
    return any(device.digest == digest for device in devices)


def _no_profile(here: bool, what: str, hint: str = "") -> MeasurementError:
    measured = "`POST /v1/devices/NAME/profiles` has it measured, by the name of a board or as `host`"
    gone = "its hardware is gone, or elsewhere: it is neither this machine nor a registered board"
    then = f"or {measured}" if hint and here else measured if here else gone
    return MeasurementError("no_profile", f"the device is not profiled {what}: {hint}{then}")

"""Costs of architectures on a device, predicted from its stored table: nothing is run."""

from typing import Annotated

from pydantic import Field

from api.named_tables import not_calibrated
from api.predicted_networks import predicted_networks
from api.predictions import Predictions
from latency_predictors.correction import Correction
from latency_predictors.device import host_device
from latency_predictors.filling import filled
from latency_predictors.latency_metric import PLAIN
from latency_predictors.lookup_table import LookupTable
from latency_predictors.predictor import CostPredictor, Costs, require_supported
from nas.pipeline.sites import Site
from nas.specs import ContextSpec, LatencySpec, SpaceSpec, Spec
from nas.store.stores import Stores
from search_spaces.base import IntArray, SearchSpace, architecture_from_values, space_digest
from search_spaces.catalogue import get_space
from search_spaces.errors import MeasurementError, UsageError
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


def predicted(stores: Stores, device_id: str, asked: AskedCosts) -> Predictions:
    """Predict the costs of architectures on a device.

    Args:
        stores: Where its table is.
        device_id: Its digest, or `host` for the machine of this service.
        asked: Which architectures.

    Raises:
        UsageError: `unknown_device`, `unknown_space`, `unknown_preset` or `invalid_architecture`.
        MeasurementError: `no_profile` where its table does not tell; `too_few_layers` where it lacks so much
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
    table = _table(stores, device_id, asked.context)
    correction = table.corrections.get(asked.latency.metric.correction_key(space_digest(space)))
    if correction is None and asked.latency.metric != PLAIN:
        raise not_calibrated("the device", space, asked.latency)
    if correction is None:
        raise _no_profile(f"for space '{space.name}' of such images:")
    latencies = _latencies(space, table, correction, asked.fill, archs)
    return Predictions(
        device=table.device.label,
        context=table.context.label,
        space=asked.space,
        num_classes=asked.num_classes,
        in_channels=asked.in_channels,
        level=correction.level,
        report=correction.report,
        networks=predicted_networks(space, archs, latencies, Site.of(table)),
        states=table.states_of(distinct_layers(space)),
        latency=asked.latency.metric.label,
    )


def _table(stores: Stores, device_id: str, wanted: ContextSpec) -> LookupTable:
    device = host_device().digest if device_id == "host" else device_id
    keys = [key for key in stores.tables.published() if key.device == device]
    if not keys:
        raise UsageError("unknown_device", f"there is no device '{device_id}' that something was measured of")
    facts, fields = stores.tables.contexts(), {**wanted.model_dump(), "pause_ms": 0.0}
    fitting = [
        key for key in keys if all(facts[key.context][name] == value for name, value in fields.items())
    ]
    newest = max(fitting, key=lambda key: key.created_at_ms, default=None)
    table = newest and stores.tables.load(newest.device, newest.context)
    if not table:
        raise _no_profile(f"in that context ({', '.join(str(value) for value in fields.values())}):")
    return table


def _latencies(
    space: SearchSpace, table: LookupTable, correction: Correction, fill: bool, archs: IntArray
) -> Costs:
    require_supported(space, table, archs)
    layers = distinct_layers(space)
    if fill:
        return CostPredictor(space, filled(table, layers), correction, filled=True).predict(archs)
    if missing := len(table.missing(layers)):
        raise _no_profile(f"for {missing} of {len(layers)} layers: ask with `fill`, which fits those; or")
    return CostPredictor(space, table, correction).predict(archs)


def _no_profile(what: str) -> MeasurementError:
    return MeasurementError(
        "no_profile", f"the device is not profiled {what} `POST /v1/devices/host/profiles` has it measured"
    )

"""Lookup tables that predictions ask for by name, held against what is asked of them."""

from collections.abc import Mapping

from api.table_names import find_table, table_name
from latency_predictors.latency_metric import PLAIN
from latency_predictors.lookup_table import LookupTable
from nas.settings import Settings
from nas.spec_words import latency_part
from nas.specs import ContextSpec, LatencySpec
from nas.store.stores import opened_stores
from search_spaces.base import SearchSpace, space_digest
from search_spaces.errors import MeasurementError
from search_spaces.slot_tables import distinct_layers


def named_table(
    settings: Settings, space: SearchSpace, name: str, context: ContextSpec, latency: LatencySpec
) -> LookupTable:
    """Return a table by its name, complete and calibrated for a space.

    Args:
        settings: Where tables are.
        space: Whose networks are asked about.
        name: As `find_table` takes it.
        context: Fields that were set have to be those of the table; the others are as it has them.
        latency: What the table has to be calibrated for.

    Raises:
        UsageError: As `find_table`.
        MeasurementError: `context_mismatch` where the table is of another context; `no_profile` where it
            lacks what the space needs.
    """
    with opened_stores(settings) as stores:
        key = find_table(stores, name)
        table = stores.tables.load(key.device, key.context)
    assert table is not None, "keys are those of tables"
    _check_context(table, table_name(key), context)
    where = f"table {table_name(key)} ({table.device.label})"
    missing, calibrated = len(table.missing(distinct_layers(space))), is_calibrated(table, space, latency)
    if calibrated and not missing:
        return table
    if not calibrated and latency.metric != PLAIN:
        raise not_calibrated(where, space, latency)
    what = f"lacks {missing} layers of" if missing else "has no correction for"
    raise MeasurementError(
        "no_profile", f"{where} {what} {space.name}: profile that device for it and export the table again"
    )


def is_calibrated(table: LookupTable, space: SearchSpace, latency: LatencySpec) -> bool:
    """Whether networks of a space were measured for what is meant by latency."""
    return latency.metric.correction_key(space_digest(space)) in table.corrections


def not_calibrated(where: str, space: SearchSpace, latency: LatencySpec) -> MeasurementError:
    """Return the error for a latency, not the plain median, that no networks were measured for.

    Args:
        where: What lacks them, in words.
        space: Whose networks are asked about.
        latency: What is meant by it.
    """
    return MeasurementError(
        "no_profile",
        f"{where} has no correction of {space.name} for {latency.metric.label}: a search of that space on "
        f"that device, with `{latency_part(latency)}` in its target, measures networks for it",
    )


def as_options(fields: Mapping[str, object]) -> str:
    """Return the options of the command line that ask for fields of a context: `--runtime openvino`."""
    return " ".join(f"--{name} {value}" for name, value in fields.items())


def _check_context(table: LookupTable, name: str, asked: ContextSpec) -> None:
    given = asked.model_dump(include=asked.model_fields_set)
    other = {field: value for field, value in given.items() if getattr(table.context, field) != value}
    if other:
        raise MeasurementError(
            "context_mismatch",
            f"table {name} is of {table.context.label}, and {as_options(other)} asks for another context: "
            "leave that out, or name a table of that context, as `hwnas devices list` has them",
        )

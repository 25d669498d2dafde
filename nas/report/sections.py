"""What each part of the page says, as text: the templates only lay it out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from nas.publication import known_objectives
from nas.report import words
from nas.report.architecture import varying
from nas.report.comparisons import accuracy_sentence, form_errors, latency_sentence
from nas.report.numbers import duration, plain
from nas.report.rows import NOTHING, Row, Units, rows_of, units_for
from nas.report.stock import better_stock_sentences
from nas.report.table_facts import Facts, table_facts
from nas.results import Delivery, Figure, SearchResult, TargetResult, VerifiedNetwork
from nas.specs import CostName
from search_spaces.base import SearchSpace

SPLITS: Final = ("train", "select", "confirm", "test")

_BEST: Final = 3
"""How many of the compared models are named."""

_FIELDS: Final[dict[str, str]] = {
    "cpu_model": "processor",
    "cpu_features": "instruction sets",
    "num_cores": "cores",
    "memory_gib": "memory, GiB",
    "architecture": "architecture",
    "os": "system",
    "runtime": "runtime",
    "runtime_version": "version",
    "precision": "precision",
    "threads": "threads",
    "batch": "batch",
    "affinity": "pinned to processors",
    "graph_optimisation": "graph optimisation",
    "layout": "layout",
    "pause_ms": "pause between inferences, ms",
    "power_mode": "power mode",
}
"""Fields of devices and contexts, in the order they are read, with the names people use."""


COSTS: Final[tuple[CostName, ...]] = (
    "latency_ms",
    "num_macs",
    "num_params",
    "peak_memory_bytes",
    "file_bytes",
    "energy_mj",
    "arena_bytes",
)
"""What a front can be drawn against, the first one at the start."""


def costs_of(target: TargetResult) -> tuple[CostName, ...]:
    """Return those of them that are known of every network of a target."""
    known = known_objectives(target.networks)
    return tuple(cost for cost in COSTS if cost in known)


@dataclass(frozen=True)
class Section:
    """Everything the page says of one target.

    Attributes:
        number: Position of the target.
        limits: One sentence a limit, and one a network that does not run there.
        better_stock: One sentence a stock network that beats what was delivered.
        units: Of the columns, the same in all tables of the target.
        costs: What the front can be drawn against.
        accuracy_kind: How the predicted accuracies were obtained.
        latency_kind: How the predicted latencies were obtained.
    """

    number: int
    name: str
    target: TargetResult
    headline: str
    limits: tuple[str, ...]
    better_stock: tuple[str, ...]
    units: Units
    front: tuple[Row, ...]
    stock: tuple[Row, ...]
    others: tuple[Row, ...]
    deliveries: tuple[tuple[Delivery, Row], ...]
    has_choices: bool
    has_forms: bool
    costs: tuple[CostName, ...]
    accuracy_kind: str
    latency_kind: str
    latency_agreement: str
    accuracy_agreement: str
    table_facts: Facts
    device_facts: Facts
    context_facts: Facts


def make_section(result: SearchResult, number: int, space: SearchSpace | None) -> Section:
    """Return everything the page says of a target.

    Args:
        result: The search.
        number: Position of the target.
        space: Tells which choices are active.
    """
    target = result.targets[number]
    others = _by_latency(network for network in target.networks if network.status != "front")
    references = result.references_at(number)
    networks = (*target.front, *_by_latency(references), *others)
    units = units_for(networks)
    deliveries = tuple(delivery for delivery in result.deliveries if delivery.target == number)
    rows = rows_of(networks, units, space, deliveries)
    by_name = {row.name: row for row in rows if row.status == "front"}
    return Section(
        number=number,
        name=words.target_name(result, number),
        target=target,
        headline=words.front_sentence(target.front),
        limits=(*words.limit_sentences(target), *words.left_out_sentences(target)),
        better_stock=better_stock_sentences(result.id, number + 1, target, references, deliveries),
        units=units,
        front=tuple(row for row in rows if row.status == "front"),
        stock=tuple(row for row in rows if row.status == "stock"),
        others=tuple(row for row in rows if row.status not in ("front", "stock")),
        deliveries=tuple((one, by_name[one.name]) for one in deliveries if one.name in by_name),
        has_choices=bool(varying(target.front)),
        has_forms=bool(form_errors(target.table)),
        costs=costs_of(target),
        accuracy_kind=_kind([network.predicted_accuracy for network in target.networks]),
        latency_kind=_kind([network.predicted_latency for network in target.networks]),
        latency_agreement=latency_sentence(target),
        accuracy_agreement=accuracy_sentence(target),
        table_facts=table_facts(target),
        device_facts=facts_of(target.device),
        context_facts=[*facts_of(target.context), *shift_facts(target)],
    )


def _by_latency(networks: Iterable[VerifiedNetwork]) -> list[VerifiedNetwork]:
    return sorted(networks, key=lambda network: network.latency.value_ms)


def _kind(figures: Sequence[Figure | None]) -> str:
    """Return how predictions were obtained; the weaker label where they differ."""
    order = list(words.KINDS)
    kinds = {figure.kind for figure in figures if figure is not None}
    return max(kinds, key=order.index, default="")


def shift_facts(target: TargetResult) -> Facts:
    """Return what the precision of a target costs in accuracy; nothing for fp32."""
    if target.shift is None:
        return []
    return [(f"accuracy, {target.target.context.precision} against fp32", words.shift_text(target.shift))]


def predictor_facts(report: Mapping[str, Any]) -> Facts:
    """Return how good the accuracy predictor is on subnets it has not seen (`AccuracyReport`)."""
    wanted = {
        "num_subnets",
        "num_images",
        "model",
        "mean_abs_error",
        "coverage",
        "level",
        "mean_interval_width",
    }
    if not wanted <= report.keys():
        return facts_of(report)
    errors = sorted(report.get("candidates", {}).items(), key=lambda item: float(item[1]))
    points = [f"{name} {_points(error)}" for name, error in errors[:_BEST]]
    more = [f"{len(errors) - _BEST} more"] if len(errors) > _BEST else []
    return [
        (
            "scored subnets it was fitted on",
            f"{report['num_subnets']:,}, each on {report['num_images']:,} images",
        ),
        ("kind of model", str(report["model"])),
        ("rank correlation, Spearman", _correlation(report.get("spearman"))),
        ("rank correlation, Kendall", _correlation(report.get("kendall_tau"))),
        ("mean error, held out", _points(report["mean_abs_error"])),
        *(
            (("spread from counting on so few images", _points(report["binomial_std"])),)
            if "binomial_std" in report
            else ()
        ),
        (f"inside the {100.0 * report['level']:g} % interval", f"{plain(100.0 * report['coverage'], 3)} %"),
        ("mean width of the interval", _points(report["mean_interval_width"])),
        *((("models compared, mean error left out", ", ".join([*points, *more])),) if points else ()),
    ]


def _points(share: float) -> str:
    return f"{plain(100.0 * share, 2)} points"


def _correlation(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.3f}"


def data_facts(result: SearchResult) -> Facts:
    """Return the counts of a data set in words."""
    data = result.dataset
    images = data.get("num_images", {})
    facts = [
        ("name", str(data.get("name", result.spec.dataset.name))),
        ("classes", f"{len(result.class_names)}"),
    ]
    facts += [(f"{split} images", f"{images[split]:,}") for split in _in_order(images, SPLITS)]
    if data.get("cross_fitted"):
        facts.append(("select and confirm", "two halves of the validation images that swap roles"))
    if "imbalance" in data:
        facts.append(("largest class over smallest", f"{plain(data['imbalance'], 3)} ×"))
    if "num_skipped" in data:
        facts.append(("files skipped as broken", f"{data['num_skipped']:,}"))
    if data.get("ignored"):
        facts.append(("files that are no images", words.options_text(data["ignored"])))
    if "near_duplicates" in data:
        facts.append(("near-duplicates across splits", _duplicates(data["near_duplicates"])))
    return [*facts, ("SHA-256", result.dataset_digest)]


def _duplicates(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "not looked for"
    looked = "" if found.get("complete", True) else " (not all pairs were compared)"
    return f"{found['num_images']:,} images in {words.counted(found['num_pairs'], 'pair')}{looked}"


def class_rows(result: SearchResult) -> tuple[list[str], list[tuple[str, list[int]]]]:
    """Return the splits, and for each class its name and its images in every split."""
    counts = result.dataset.get("counts", {})
    splits = _in_order(counts, SPLITS)
    columns = zip(*(counts[split] for split in splits), strict=True)
    return splits, [(name, list(row)) for name, row in zip(result.class_names, columns, strict=False)]


def _in_order(document: Mapping[str, Any], order: Sequence[str]) -> list[str]:
    """Return the names of a document, those with a place in the order first: stored documents have none."""
    place = {name: number for number, name in enumerate(order)}
    return sorted(document, key=lambda name: place.get(name, len(place)))


def search_facts(result: SearchResult) -> Facts:
    """Return what identifies the search and when it ran."""
    spec = result.spec
    return [
        ("search", result.id),
        ("started", _moment(result.started_at)),
        ("finished", _moment(result.finished_at)),
        ("seed", str(spec.seed)),
        ("strategy", f"{spec.search.strategy}, {spec.search.evaluations:,} evaluations"),
        ("objectives", ", ".join(spec.search.objectives)),
        ("specification, SHA-256", spec.digest),
    ]


def _moment(iso: str) -> str:
    return iso.replace("T", " ").replace("+00:00", " UTC")


def supernet_facts(result: SearchResult) -> Facts:
    """Return what the supernet is and what it took."""
    supernet = result.supernet
    trained = "no time: trained by an earlier search" if supernet.reused else duration(supernet.train_seconds)
    return [
        ("recipe", supernet.recipe),
        ("epochs", f"{supernet.epochs:,}"),
        ("parameters", f"{supernet.num_params:,}"),
        ("training took", trained),
        ("key", supernet.key),
    ]


def facts_of(document: Mapping[str, Any]) -> Facts:
    """Return the fields of a document as name and text; those of devices and contexts in their order."""
    return [
        (_FIELDS.get(name, name.replace("_", " ")), _text(document[name]))
        for name in _in_order(document, list(_FIELDS))
    ]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(_text(item) for item in value) or NOTHING
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(item)}" for name, item in value.items()) or NOTHING
    return NOTHING if value is None else str(value)

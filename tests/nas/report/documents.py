"""A finished search, built by hand: what a real one leaves behind, without running one."""

from typing import Any

import numpy as np

from nas.publication import statuses
from nas.results import (
    Accuracy,
    CloudPoint,
    Delivery,
    Energy,
    Figure,
    Latency,
    PhaseTime,
    SearchResult,
    SupernetSummary,
    TableSummary,
    TargetResult,
    VerifiedNetwork,
)
from nas.specs import SearchSpec, TargetSpec, parse_spec
from search_spaces.base import SearchSpace, option_values
from search_spaces.catalogue import get_space
from search_spaces.network import layers
from search_spaces.sampling import as_architecture, largest, random_architectures, smallest

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&"
FORM = {"mape": 0.05, "median_error": 0.04, "within_5": 0.6, "spearman": 0.99}
TABLE_REPORT: dict[str, Any] = {
    "num_networks": 16,
    "bare_sum": {**FORM, "median_error": 0.231},
    "affine": {**FORM, "median_error": 0.064},
    "corrected": {**FORM, "median_error": 0.018, "within_5": 0.9375, "spearman": 0.997},
    "macs": {**FORM, "median_error": 0.187},
    "level": 0.9,
    "coverage": 0.875,
    "median_half_width": 0.052,
    "repeat_rel_sd": 0.011,
}
PREDICTOR_REPORT: dict[str, Any] = {
    "num_subnets": 100,
    "num_images": 180,
    "model": "logit_boosted",
    "spearman": 0.913,
    "kendall_tau": 0.771,
    "mean_abs_error": 0.0042,
    "coverage": 0.91,
    "level": 0.9,
    "mean_interval_width": 0.021,
    "binomial_std": 0.0114,
    "candidates": {"linear": 0.0061, "logit_boosted": 0.0042},
}
NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def space() -> SearchSpace:
    """The space of the search."""
    return get_space("mobilenet_v3", preset="tiny", num_classes=10, in_channels=1)


def accuracy(value: float, num_images: int = 360, part: str = "confirm") -> Accuracy:
    """An accuracy with the half width of a normal interval."""
    half = 1.96 * (value * (1 - value) / num_images + 1e-5) ** 0.5
    lower, upper = max(value - half, 0.0), min(value + half, 1.0)
    return Accuracy.model_validate(
        {"value": value, "lower": lower, "upper": upper, "num_images": num_images, "part": part}
    )


def latency(median_ms: float, share: float = 0.012) -> Latency:
    """A latency with an interval of so large a share on both sides."""
    return Latency(
        median_ms=median_ms,
        lower_ms=median_ms * (1 - share),
        upper_ms=median_ms * (1 + share),
        p90_ms=median_ms * 1.06,
        sessions=("s-0a1b", "s-2c3d"),
    )


def network(name: str, median_ms: float, share_correct: float, **changes: Any) -> VerifiedNetwork:
    """A verified network with plausible figures; any field may be set."""
    fields: dict[str, Any] = {
        "name": name,
        "origin": "search",
        "architecture": {},
        "architecture_digest": "a" * 64,
        "resolution": 24,
        "num_params": 41_234,
        "num_macs": int(median_ms * 9e6),
        "peak_memory_bytes": 73_728,
        "file_sha256": "f" * 64,
        "file_bytes": 182_345,
        "max_difference": 3.1e-6,
        "accuracy": accuracy(share_correct),
        "latency": latency(median_ms),
        "predicted_accuracy": figure(share_correct - 0.002, 0.008, "fitted"),
        "predicted_latency": figure(median_ms * 1.015, median_ms * 0.05, "table"),
        "status": "front",
    }
    return VerifiedNetwork(**{**fields, **changes})


def figure(value: float, half: float, kind: str) -> Figure:
    """A prediction with a symmetric interval."""
    return Figure.model_validate({"value": value, "lower": value - half, "upper": value + half, "kind": kind})


def energy(gross_mj: float) -> Energy:
    """What a meter saw of a network, give or take a twentieth; half of it above idle."""
    ends = {
        f"{name}_{end}mj": mj * share
        for name, mj in (("gross", gross_mj), ("net", gross_mj / 2))
        for end, share in (("", 1.0), ("lower_", 0.95), ("upper_", 1.05))
    }
    return Energy.model_validate({**ends, "mean_w": 4.0, "meter": "a meter", "scope": "board"})


def searched_networks(count: int, seed: int, limit_ms: float) -> tuple[VerifiedNetwork, ...]:
    """Real architectures of the space with made-up measurements, front first, by latency."""
    rng = np.random.default_rng(seed)
    rows = np.concatenate(
        [smallest(space()), largest(space()), random_architectures(space(), count - 2, rng)]
    )
    found = []
    for number, row in enumerate(rows):
        specs = layers(space(), as_architecture(row))
        macs = sum(spec.macs for spec in specs)
        median_ms = (0.05 + macs / 2.1e7 + 0.006 * len(specs)) * rng.uniform(0.93, 1.07)
        share = round(360 * (0.992 - 0.055 * np.exp(-macs / 2.5e6) - rng.exponential(0.006))) / 360
        values = option_values(space(), as_architecture(row))
        found.append(
            network(
                f"net-{rng.integers(16**6):06x}",
                median_ms,
                float(share),
                architecture=values,
                resolution=values["resolution"],
                architecture_digest=f"{number:064x}",
                file_sha256=f"{number + 1000:064x}",
                num_macs=macs,
                num_params=sum(spec.num_params for spec in specs),
                peak_memory_bytes=max(spec.activation_bytes for spec in specs),
                file_bytes=4 * sum(spec.num_params for spec in specs) + 21_000,
                latency=latency(median_ms, float(rng.uniform(0.004, 0.03))),
                predicted_latency=figure(median_ms * rng.normal(1.0, 0.02), median_ms * 0.05, "table"),
                predicted_accuracy=figure(float(share) + rng.normal(0, 0.004), 0.01, "fitted"),
                round=1 + number % 3,
            )
        )
    return _placed(found, limit_ms)


def _placed(found: list[VerifiedNetwork], limit_ms: float) -> tuple[VerifiedNetwork, ...]:
    states = statuses(found, ("accuracy", "latency_ms"), {"latency_ms": limit_ms})
    placed = [one.model_copy(update={"status": state}) for one, state in zip(found, states, strict=True)]
    placed.sort(key=lambda one: (one.status != "front", one.latency.median_ms))
    front = [one.name for one in placed if one.status == "front"]
    near = {name: front[max(i - 2, 0) : i] + front[i + 1 : i + 3] for i, name in enumerate(front)}
    return tuple(one.model_copy(update={"tied_with": tuple(near.get(one.name, ()))}) for one in placed)


def references() -> tuple[VerifiedNetwork, ...]:
    """Four stock networks."""
    stock = {"mobilenet_v2": (0.62, 0.972), "mobilenet_v3_small": (0.37, 0.961)}
    stock |= {"shufflenet_v2": (0.33, 0.953), "resnet": (0.51, 0.978)}
    return tuple(
        network(
            name,
            median_ms,
            share,
            origin="reference",
            status="dominated",
            num_params=120_500,
            predicted_accuracy=None,
            predicted_latency=None,
            accuracy=accuracy(share, 720, "validation"),
            test_accuracy=accuracy(share - 0.004, 360, "test"),
        )
        for name, (median_ms, share) in stock.items()
    )


def target(
    networks: tuple[VerifiedNetwork, ...], limit_ms: float | None = 1.0, **changes: Any
) -> TargetResult:
    """A target with these networks."""
    rng = np.random.default_rng(7)
    cost = rng.uniform(0.1, 0.8, 400)
    cloud = [
        CloudPoint(accuracy=float(0.985 - 0.03 * np.exp(-3 * x) - rng.exponential(0.01)), latency_ms=float(x))
        for x in cost
    ]
    fields: dict[str, Any] = {
        "target": TargetSpec(limits={} if limit_ms is None else {"latency_ms": limit_ms}),
        "device": {
            "cpu_model": "Neoverse-N1",
            "cpu_features": ["asimd", "asimddp", "asimdhp"],
            "num_cores": 2,
            "memory_gib": 8,
            "architecture": "aarch64",
            "os": "Linux",
        },
        "device_label": "Neoverse-N1, 2 cores, 8 GiB, Linux aarch64",
        "context": {"runtime": "onnxruntime", "runtime_version": "1.23.0", "precision": "fp32", "threads": 1},
        "context_label": "onnxruntime 1.23.0, fp32, 1 thread, batch 1",
        "table": TableSummary(
            num_layers=143,
            num_measured_now=131,
            median_spread=0.014,
            sessions=("s-0a1b", "s-2c3d"),
            report=TABLE_REPORT,
        ),
        "networks": networks,
        "cloud": tuple(cloud),
        "num_evaluated": 60_000,
        "num_rounds": 3,
        "stopped": "no unverified candidate's interval reaches the front",
    }
    return TargetResult(**{**fields, **changes})


def make_result(
    targets: tuple[TargetResult, ...] | None = None,
    stock: tuple[VerifiedNetwork, ...] | None = None,
    class_names: tuple[str, ...] = NAMES,
    **changes: Any,
) -> SearchResult:
    """A finished search; without targets, one with about ten points on its front and forty networks."""
    given = (target(searched_networks(40, 3, 1.0)),) if targets is None else targets
    fields: dict[str, Any] = {
        "id": "digits-1f3a9c2e",
        "spec": _spec(given),
        "started_at": "2026-11-20T10:00:00+00:00",
        "finished_at": "2026-11-20T10:04:32+00:00",
        "dataset": dataset(class_names),
        "dataset_digest": "d" * 64,
        "class_names": class_names,
        "supernet": SupernetSummary(
            key="5e" * 16, recipe="uniform", epochs=42, num_params=512_334, train_seconds=151.2, reused=False
        ),
        "predictor": PREDICTOR_REPORT,
        "targets": given,
        "references": references() if stock is None else stock,
        "deliveries": deliveries(given),
        "phases": tuple(
            PhaseTime(name=name, seconds=seconds)
            for name, seconds in (("data", 1.3), ("profile", 48.2), ("train", 151.2), ("verify", 61.0))
        ),
        "versions": {"hwnas": "0.1.0", "python": "3.11.9", "torch": "2.13.0", "onnxruntime": "1.23.0"},
    }
    return SearchResult(**{**fields, **changes})


def deliveries(targets: tuple[TargetResult, ...]) -> tuple[Delivery, ...]:
    """The most accurate and the fastest point of each target."""
    found = []
    for number, one in enumerate(targets):
        ends = {network.name: network for network in (*one.front[-1:], *one.front[:1])}
        for name, why in zip(
            ends, ("the best accuracy of the front", "the fastest of the front"), strict=False
        ):
            found.append(Delivery(name=name, target=number, folder=f"exports/{name}", why=why, test_uses=1))
    return tuple(found)


def dataset(class_names: tuple[str, ...]) -> dict[str, Any]:
    """The report of a data set with something to say."""
    counts = {
        split: [share + number for number in range(len(class_names))]
        for split, share in (("train", 104), ("select", 33), ("confirm", 32), ("test", 36))
    }
    return {
        "name": "digits",
        "digest": "d" * 64,
        "class_names": list(class_names),
        "num_channels": 1,
        "num_images": {split: sum(row) for split, row in counts.items()},
        "counts": counts,
        "cross_fitted": True,
        "imbalance": 1.087,
        "num_skipped": 2,
        "skipped": [{"path": f"{class_names[0]}/img 1.png", "reason": "truncated"}],
        "ignored": {".txt": 3},
        "near_duplicates": {
            "num_pairs": 1,
            "num_images": 2,
            "complete": True,
            "pairs": [{"first": ["a/1.png", "train"], "second": ["a/2.png", "test"]}],
        },
        "warnings": [
            {"code": "files_skipped", "message": f"files that are not used: 2, first '{class_names[0]}'"}
        ],
    }


def _spec(targets: tuple[TargetResult, ...]) -> SearchSpec:
    document = {
        "space": {"name": "mobilenet_v3", "preset": "tiny"},
        "dataset": {"name": "digits"},
        "targets": [one.target.model_dump(mode="json") for one in targets] or [{}],
        "references": ["mobilenet_v2", "resnet"],
    }
    return parse_spec(document)

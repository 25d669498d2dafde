"""A card with figures that are easy to recognise."""

import hashlib
from dataclasses import asdict, replace
from pathlib import Path

from latency_predictors.device import Device, ExecutionContext, host_context
from nas.export.card import Card
from nas.results import (
    Accuracy,
    Figure,
    Latency,
    SupernetSummary,
    TableSummary,
    TargetResult,
    VerifiedNetwork,
)
from nas.specs import LatencySpec, TargetSpec
from search_spaces.base import Option

DEVICE = Device("Example | CPU", ("avx2",), 4, 8, "x86_64", "Linux")


def example_network(model: Path, options: dict[str, Option] | None = None) -> VerifiedNetwork:
    content = model.read_bytes()
    return VerifiedNetwork(
        name="net-3f9a1c",
        origin="search",
        architecture=options or {},
        architecture_digest="cd" * 32,
        resolution=16,
        num_params=12_345,
        num_macs=1_234_567,
        peak_memory_bytes=18_432,
        file_sha256=hashlib.sha256(content).hexdigest(),
        file_bytes=len(content),
        max_difference=2.5e-6,
        accuracy=Accuracy(value=0.95, lower=0.93, upper=0.97, num_images=200, part="confirm"),
        latency=Latency(
            median_ms=0.431, lower_ms=0.425, upper_ms=0.436, p90_ms=0.45, sessions=("s1", "s2", "s3")
        ),
        predicted_accuracy=Figure(value=0.96, lower=0.94, upper=0.98, kind="fitted"),
        predicted_latency=Figure(value=0.44, lower=0.42, upper=0.46, kind="table"),
        status="front",
        test_accuracy=Accuracy(value=0.975, lower=0.96, upper=0.985, num_images=400, part="test"),
    )


def example_card(model: Path, dataset_name: str = "digits") -> Card:
    network = example_network(model)
    table = TableSummary(num_layers=3, num_measured_now=3, median_spread=0.01, sessions=("s0",), report={})
    target = TargetResult(
        target=TargetSpec(),
        device=asdict(DEVICE),
        device_label=DEVICE.label,
        context=asdict(host_context()),
        context_label=host_context().label,
        table=table,
        networks=(network,),
        cloud=(),
        num_evaluated=100,
        num_rounds=1,
        stopped="all candidates were verified",
    )
    return Card(
        network=network,
        target=target,
        search_id="digits-1f3a9c2e",
        dataset_name=dataset_name,
        why="the best accuracy of the front",
        test_uses=1,
        supernet=SupernetSummary(
            key="ef" * 32, recipe="default", epochs=3, num_params=99, train_seconds=1.5, reused=False
        ),
        versions={"torch": "2.13.0"},
    )


def card_in(card: Card, context: ExecutionContext, latency: LatencySpec | None = None) -> Card:
    """Return a card as if it had been measured in another context, for another statistic of latency."""
    target = card.target.target.model_copy(update={"latency": latency or LatencySpec()})
    update = {"context": asdict(context), "context_label": context.label, "target": target}
    return replace(card, target=card.target.model_copy(update=update))

"""What stands beside a delivered network: its figures with where they come from, and a card for people."""

from dataclasses import dataclass
from typing import Any, Final

import yaml

from latency_predictors.device import ExecutionContext, facts_digest
from nas.export.figure_rows import figure_rows, num_correct
from nas.export.metadata import ExportMetadata
from nas.export.rendering import markdown, render
from nas.report.trust import SUSPECT, doubt_sentences, prediction_sentences
from nas.report.words import shift_text
from nas.results import Accuracy, SupernetSummary, TargetResult, VerifiedNetwork

SCORING_RUNTIME: Final = "onnxruntime"

_SIZES: Final = {
    "measured": ("file_bytes", "arena_read_bytes"),
    "modelled": ("num_params", "num_macs", "peak_memory_bytes", "arena_bytes"),
}
"""Sizes of a network, by how they are known."""

_TIMED: Final = {
    "onnxruntime": "the buffers of input and output were bound beforehand.\n"
    "A plain call of `session.run` copies and allocates too: some microseconds more.",
    "openvino": "the network was compiled for its batch, its input\n"
    "stood in place. A plain call copies and checks too: some microseconds more, with an open batch many.",
}
"""What was timed and what was not, by runtime."""


@dataclass(frozen=True)
class Card:
    """What is told about one network.

    Attributes:
        network: Its figures.
        target: Where they were measured.
        search_id: The search that found it.
        dataset_name: What it was trained on.
        why: Why it was chosen, in words.
        test_uses: How often the search has used the test images, whatever it scored on them.
        supernet: Where its weights come from; None for a stock network, which was trained alone.
        versions: Of what computed the figures.
    """

    network: VerifiedNetwork
    target: TargetResult
    search_id: str
    dataset_name: str
    why: str
    test_uses: int
    supernet: SupernetSummary | None
    versions: dict[str, str]

    @property
    def context(self) -> ExecutionContext:
        """How it was run."""
        return context_of(self.target)

    @property
    def scored_in(self) -> ExecutionContext:
        """How its accuracy was found out, and how `predict.py` runs it: with ONNX Runtime in any case."""
        if self.context.runtime == SCORING_RUNTIME:
            return self.context
        return ExecutionContext(SCORING_RUNTIME, self.versions.get(SCORING_RUNTIME, ""))


def context_of(target: TargetResult) -> ExecutionContext:
    """Return the context that a target's figures belong to."""
    fields = target.context
    return ExecutionContext(**{**fields, "affinity": tuple(fields.get("affinity", ()))})


def architecture_document(card: Card, metadata: ExportMetadata) -> dict[str, Any]:
    """Return the network as it can be built again."""
    return {
        "format": "hwnas-architecture/1",
        "name": card.network.name,
        "space": metadata.space,
        "space_digest": metadata.space_digest,
        "architecture_digest": metadata.architecture_digest,
        "options": dict(metadata.options),
        "resolution": metadata.resolution,
        "class_names": list(metadata.class_names),
    }


def measurements_document(card: Card, metadata: ExportMetadata) -> dict[str, Any]:
    """Return every figure with its interval, its kind and what it belongs to."""
    network = card.network
    return {
        "format": "hwnas-measurements/1",
        "name": network.name,
        "accuracy": _accuracy(network.accuracy),
        "test_accuracy": _accuracy(network.test_accuracy) if network.test_accuracy else None,
        "fp32_accuracy": _accuracy(network.fp32_accuracy) if network.fp32_accuracy else None,
        "inherited_accuracy": _accuracy(network.inherited_accuracy) if network.inherited_accuracy else None,
        "board": None if network.board is None else network.board.model_dump(mode="json"),
        "latency": network.latency.model_dump(mode="json"),
        "energy": network.energy.model_dump(mode="json") if network.energy else None,
        "agreement": network.agreement.model_dump(mode="json") if network.agreement else None,
        "sustained": network.sustained.model_dump(mode="json") if network.sustained else None,
        **{
            name: {"value": getattr(network, name), "kind": kind}
            for kind, names in _SIZES.items()
            for name in names
            if getattr(network, name) is not None
        },
        **_predicted(card),
        "max_difference_from_torch": network.max_difference,
        "quantisation": _quantisation(card, metadata),
        "device": {"label": card.target.device_label, "facts": card.target.device},
        "context": {"label": card.target.context_label, "fields": card.target.context},
        "provenance": _provenance(card, metadata),
    }


def _predicted(card: Card) -> dict[str, Any]:
    """Return what the search believed of the network, and how far that can be trusted."""
    target, network = card.target, card.network
    predicted = {
        "accuracy": network.predicted_accuracy,
        "latency_ms": network.predicted_latency,
        "energy_mj": network.predicted_energy,
    }
    return {
        "predicted": {
            name: figure.model_dump(mode="json") for name, figure in predicted.items() if figure is not None
        },
        "table_states": target.table.states,
        "table_report": target.table.report or None,
        "energy_report": target.energy.report or None if target.energy else None,
    }


def _quantisation(card: Card, metadata: ExportMetadata) -> dict[str, Any]:
    """Return how the file became what it is; the difference from torch is that of its fp32 form."""
    shift = card.target.shift
    return {
        "precision": metadata.precision,
        "ranges_from": metadata.ranges_from or None,
        "accuracy_shift": None if shift is None else shift.model_dump(mode="json"),
    }


def _accuracy(accuracy: Accuracy) -> dict[str, Any]:
    return {**accuracy.model_dump(mode="json"), "num_correct": num_correct(accuracy)}


def _provenance(card: Card, metadata: ExportMetadata) -> dict[str, Any]:
    return {
        "search": card.search_id,
        "why": card.why,
        "test_uses": card.test_uses,
        "file_sha256": card.network.file_sha256,
        "architecture_digest": metadata.architecture_digest,
        "space_digest": metadata.space_digest,
        "dataset": card.dataset_name,
        "dataset_digest": metadata.dataset_digest,
        "device_digest": facts_digest(card.target.device),
        "context_digest": card.context.digest,
        "finetune_epochs": card.network.finetune_epochs,
        "supernet": card.supernet.model_dump(mode="json") if card.supernet else None,
        "versions": dict(card.versions),
    }


def readme(card: Card, metadata: ExportMetadata, num_channels: int) -> str:
    """Return the card for people: Markdown with the head that model hubs read."""
    return render(
        "README.md.j2",
        card=card,
        network=card.network,
        metadata=metadata,
        context=card.context,
        scored_in=card.scored_in,
        classes=metadata.class_names,
        num_channels=num_channels,
        figures=figure_rows(card.network),
        timed=_TIMED.get(card.context.runtime, ""),
        suspect=SUSPECT,
        doubts=doubt_sentences(card.target.table.states) if card.network.predicted_latency else (),
        predictions=prediction_sentences(card.target, [card.network]),
        quantisation=_quantisation_rows(card, metadata),
        front_matter=yaml.safe_dump(_front_matter(card), sort_keys=False, allow_unicode=True, width=110),
    )


def _quantisation_rows(card: Card, metadata: ExportMetadata) -> list[tuple[str, str]]:
    """Return how an int8 file was made and what that costs; nothing for fp32."""
    if metadata.precision == "fp32":
        return []
    rows = [
        ("precision", f"{metadata.precision}, quantised after training"),
        ("ranges of activations", f"over {markdown(metadata.ranges_from)}"),
    ]
    if card.target.shift is not None:
        rows.append((f"accuracy, {metadata.precision} against fp32", shift_text(card.target.shift)))
    return rows


def _front_matter(card: Card) -> dict[str, Any]:
    """Return the head of a model card as model hubs read it; the licence is for its owner to state."""
    network = card.network
    accuracy = network.test_accuracy or network.accuracy
    return {
        "library_name": "onnx",
        "pipeline_tag": "image-classification",
        "tags": ["onnx", "image-classification", "neural-architecture-search", "hwnas"],
        "metrics": ["accuracy"],
        "model-index": [
            {
                "name": network.name,
                "results": [
                    {
                        "task": {"type": "image-classification"},
                        "dataset": {
                            "name": card.dataset_name,
                            "type": card.dataset_name,
                            "split": accuracy.part,
                        },
                        "metrics": [
                            {"type": "accuracy", "value": accuracy.value},
                            {
                                "type": "latency_ms",
                                "value": network.latency.value_ms,
                                "name": f"{network.latency.statistic} on {card.target.device_label}",
                            },
                        ],
                    }
                ],
            }
        ],
    }

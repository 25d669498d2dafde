"""Every figure of a network as a line: with its interval and how it was obtained."""

from dataclasses import dataclass

from nas.report.words import (
    accuracy_interval,
    accuracy_text,
    cost_text,
    energy_interval,
    energy_text,
    latency_interval,
    latency_text,
)
from nas.results import Accuracy, Agreement, VerifiedNetwork


@dataclass(frozen=True, slots=True)
class FigureRow:
    """One line of the card's table.

    Attributes:
        name: Of the figure.
        value: With its unit.
        interval: Likewise; empty where there is none.
        how: Its kind; empty where nothing was found out.
        other_file: Which file it belongs to, where that is not the network's own.
    """

    name: str
    value: str
    interval: str
    how: str
    other_file: str = ""


def figure_rows(network: VerifiedNetwork) -> list[FigureRow]:
    """Return every figure of a network with its interval and how it was obtained."""
    on_board = None if network.board is None else network.board.accuracy
    scored = (network.test_accuracy, network.accuracy, on_board)
    rows = [_accuracy_row(accuracy) for accuracy in scored if accuracy is not None]
    rows += [
        FigureRow(name, accuracy_text(before), "", before.kind, f"another file, {which}")
        for name, before, which in (
            ("accuracy before quantisation", network.fp32_accuracy, "not yet quantised"),
            ("accuracy with the supernet's weights", network.inherited_accuracy, "not yet trained on"),
        )
        if before is not None
    ]
    latency = network.latency
    rows.append(
        FigureRow(
            f"latency, {latency.statistic}",
            latency_text(latency),
            f"{latency_interval(latency)} ms",
            "measured",
        )
    )
    if (energy := network.energy) is not None:
        whole = f"{energy_interval(energy)} mJ"
        rows.append(FigureRow("energy of an inference", energy_text(energy), whole, energy.kind))
        rows.append(FigureRow("of it above idle", f"{energy.net_mj:.3g} mJ", "", energy.kind))
    if (run := network.sustained) is not None:
        text = f"{run.first_ms:.3g} ms, then {run.last_ms:.3g} ms"
        rows.append(FigureRow(f"first and last tenth of {run.seconds:g} s at a stretch", text, "", run.kind))
    if (agreed := network.agreement) is not None:
        rows.append(_agreement_row(agreed))
    rows += _predicted(network)
    rows.append(FigureRow("file", cost_text("peak_memory_bytes", network.file_bytes), "", "measured"))
    return [*rows, *_shapes(network)]


def _shapes(network: VerifiedNetwork) -> list[FigureRow]:
    """Return how large a network is, as worked out from its shapes and, of memory, as the runtime told."""
    batch = network.peak_memory_batch
    together = f", {batch} images at once" if batch > 1 else ""
    peak = f"peak memory of activations{together}"
    return [
        FigureRow(label, cost_text(name, value), "", kind)
        for label, name, value, kind in (
            (peak, "peak_memory_bytes", network.peak_memory_bytes, "modelled"),
            ("activations that ONNX Runtime holds", "arena_bytes", network.arena_bytes, "modelled"),
            ("activations that ONNX Runtime held", "arena_bytes", network.arena_read_bytes, "measured"),
            ("parameters", "num_params", network.num_params, "modelled"),
            ("MACs", "num_macs", network.num_macs, "modelled"),
        )
        if value is not None
    ]


def _agreement_row(agreed: Agreement) -> FigureRow:
    """Return how often the runtime that was measured answers as the one that scored does."""
    name = f"classes as {agreed.runtime} names them"
    if not agreed.num_images:
        return FigureRow(name, "not compared: it is not installed where networks are scored", "", "")
    share = f"{agreed.num_same:,} of {agreed.num_images:,} as {agreed.scored_with} does"
    return FigureRow(name, share, "", agreed.kind)


def _predicted(network: VerifiedNetwork) -> list[FigureRow]:
    """Return what the search believed of a network when it chose it."""
    rows = []
    if (figure := network.predicted_accuracy) is not None:
        whose = "" if network.inherited_accuracy is None else " with the supernet's weights"
        rows.append(
            FigureRow(
                f"accuracy{whose}, as predicted",
                accuracy_text(figure),
                f"{accuracy_interval(figure)} %",
                figure.kind,
            )
        )
    if (figure := network.predicted_latency) is not None:
        interval = f"{figure.lower:.3g}–{figure.upper:.3g} ms"
        rows.append(FigureRow("latency, as predicted", f"{figure.value:.3g} ms", interval, figure.kind))
    if (figure := network.predicted_energy) is not None:
        interval = f"{figure.lower:.3g}–{figure.upper:.3g} mJ"
        rows.append(FigureRow("energy, as predicted", f"{figure.value:.3g} mJ", interval, figure.kind))
    return rows


def _accuracy_row(accuracy: Accuracy) -> FigureRow:
    images = f"{num_correct(accuracy):,} of {accuracy.num_images:,} {accuracy.part} images"
    interval = f"{accuracy_interval(accuracy)} % (95 %)"
    where = ", scored on the device" if accuracy.scored_on == "target" else ""
    return FigureRow(f"accuracy, {images}{where}", accuracy_text(accuracy), interval, accuracy.kind)


def num_correct(accuracy: Accuracy) -> int:
    """Return the number of images that were right."""
    return round(accuracy.value * accuracy.num_images)

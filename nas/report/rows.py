"""The rows of the page's tables: every cell as text, columns aligned, units chosen once a column."""

import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from nas.report.architecture import OptionGrid, active_options, in_one_line, option_grid
from nas.report.numbers import (
    BYTES,
    COUNTS,
    MAX_DECIMALS,
    Scale,
    aligned,
    best_scale,
    decimals,
    plain,
)
from nas.report.trust import SUSPECT, when_text
from nas.report.words import board_text, images_text, sessions_text
from nas.results import Accuracy, Delivery, Figure, StockTraining, VerifiedNetwork
from search_spaces.base import SearchSpace

NOTHING: Final = "–"


@dataclass(frozen=True)
class Cell:
    """A number with the interval it belongs to, both without unit.

    Attributes:
        text: The number, filled up so that the column shares a decimal point.
        interval: `0.425–0.436`, empty where there is none.
    """

    text: str
    interval: str = ""


@dataclass(frozen=True)
class Row:
    """One network.

    Attributes:
        name: Of the network.
        network: Itself.
        status: Of the network, `stock` for a stock network.
        tied: The points it is tied with: their numbers in the same table, names of others.
        folder: Address of the delivered folder, relative to the page; empty where it was not delivered.
        file: Address of the exported file, relative to the page.
        summary: The architecture on one line.
        grid: The architecture as a table.
        facts: What else is known of it: name and text.
    """

    name: str
    network: VerifiedNetwork
    status: str
    accuracy: Cell
    predicted_accuracy: Cell
    latency: Cell
    predicted_latency: Cell
    file_size: str
    macs: str
    params: str
    memory: str
    test: Cell
    tied: str
    folder: str
    file: str
    summary: str
    grid: OptionGrid
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Units:
    """The units of the columns of one table."""

    file: Scale
    macs: Scale
    params: Scale
    memory: Scale


def units_for(networks: Sequence[VerifiedNetwork]) -> Units:
    """Return units in which the middle network of a table is not below 1."""

    def best(value: Callable[[VerifiedNetwork], int], scales: Sequence[Scale]) -> Scale:
        ordered = sorted(value(network) for network in networks)
        return best_scale(ordered[len(ordered) // 2 :][:1], scales)

    return Units(
        file=best(lambda network: network.file_bytes, BYTES),
        macs=best(lambda network: network.num_macs, COUNTS),
        params=best(lambda network: network.num_params, COUNTS),
        memory=best(lambda network: network.peak_memory_bytes, BYTES),
    )


def rows_of(
    networks: Sequence[VerifiedNetwork],
    units: Units,
    space: SearchSpace | None,
    deliveries: Sequence[Delivery] = (),
) -> tuple[Row, ...]:
    """Return one row a network, in their order; columns are aligned over all of them.

    Args:
        networks: Of one target, the front first, by latency: its points are numbered from 1.
        units: Of its columns.
        space: Tells which choices are active.
        deliveries: Of the same target.
    """
    folders = {delivery.name: delivery.folder for delivery in deliveries}
    front = [network.name for network in networks if network.status == "front"]
    numbers = {name: number for number, name in enumerate(front, start=1)}
    columns = zip(
        networks,
        _cells([_share(network.accuracy) for network in networks]),
        _cells([_share(network.predicted_accuracy) for network in networks]),
        _cells([_latency(network) for network in networks]),
        _cells([_figure(network.predicted_latency) for network in networks]),
        _scaled([network.file_bytes for network in networks], units.file),
        _scaled([network.num_macs for network in networks], units.macs),
        _scaled([network.num_params for network in networks], units.params),
        _scaled([network.peak_memory_bytes for network in networks], units.memory),
        _cells([_share(network.test_accuracy) for network in networks]),
        strict=True,
    )
    return tuple(_row(*column, space=space, folders=folders, numbers=numbers) for column in columns)


def _row(
    network: VerifiedNetwork,
    accuracy: Cell,
    predicted_accuracy: Cell,
    latency: Cell,
    predicted_latency: Cell,
    file_size: str,
    macs: str,
    params: str,
    memory: str,
    test: Cell,
    *,
    space: SearchSpace | None,
    folders: Mapping[str, str],
    numbers: Mapping[str, int],
) -> Row:
    options = active_options(network.architecture, space)
    folder = folders.get(network.name)
    return Row(
        name=network.name,
        network=network,
        status="stock" if network.origin == "reference" else network.status,
        accuracy=accuracy,
        predicted_accuracy=predicted_accuracy,
        latency=latency,
        predicted_latency=predicted_latency,
        file_size=file_size,
        macs=macs,
        params=params,
        memory=memory,
        test=test,
        tied=_ties(network, numbers),
        folder="" if folder is None else relative_address(folder + "/"),
        file=relative_address(f"networks/{network.file_sha256}.onnx"),
        summary=in_one_line(options) or f"image size {network.resolution} × {network.resolution}",
        grid=option_grid(options),
        facts=_facts(network),
    )


def _ties(network: VerifiedNetwork, numbers: Mapping[str, int]) -> str:
    listed = sorted(numbers[name] for name in network.tied_with if name in numbers)
    others = [name for name in network.tied_with if name not in numbers]
    return ", ".join([*map(str, listed), *others]) or NOTHING


def _facts(network: VerifiedNetwork) -> tuple[tuple[str, str], ...]:
    """Return what stands under a row when it is opened."""
    test, inherited = network.test_accuracy, network.inherited_accuracy
    return (
        ("image size", f"{network.resolution} × {network.resolution}"),
        ("images of the accuracy", images_text(network.accuracy)),
        ("90 % of the runs that count within", f"{plain(network.latency.p90_ms)} ms"),
        ("measuring sessions", sessions_text(network.latency.sessions) or NOTHING),
        *((("measured", when_text(network.latency)),) if network.latency.measured_at else ()),
        *((("latency is suspect", SUSPECT),) if network.latency.suspect else ()),
        *_precision_facts(network),
        *(() if network.origin == "reference" else (("round of verification", _round(network)),)),
        *(() if network.training is None else (("trained", _trained(network.training)),)),
        *(() if inherited is None else (("trained on", _trained_on(network, inherited)),)),
        *(() if test is None else (("images of the test accuracy", images_text(test)),)),
        *(() if network.board is None else (("scored on the device", board_text(network.board)),)),
        *((("architecture, SHA-256", network.architecture_digest),) if network.architecture else ()),
        ("file, SHA-256", network.file_sha256),
    )


def _round(network: VerifiedNetwork) -> str:
    return str(network.round) if network.round else "none, an earlier search has verified it"


def _trained(training: StockTraining) -> str:
    epochs = f"{training.epochs} epoch{'' if training.epochs == 1 else 's'}"
    took, share = (f"{seconds:.3g}" for seconds in (training.cpu_seconds, training.given_cpu_seconds))
    text = f"{epochs} in {took} CPU-seconds; its share of what supernet and front took is {share}"
    return f"{text}; taken from an earlier search" if training.reused else text


def _precision_facts(network: VerifiedNetwork) -> tuple[tuple[str, str], ...]:
    difference, before = f"{network.max_difference:.1e}", network.fp32_accuracy
    if before is None:
        return (("largest difference of a logit between torch and the file", difference),)
    return (
        ("largest difference of a logit between torch and the file before quantisation", difference),
        ("accuracy before quantisation", f"{100 * before.value:.1f} %"),
    )


def _trained_on(network: VerifiedNetwork, inherited: Accuracy) -> str:
    epochs = f"{network.finetune_epochs} epoch{'' if network.finetune_epochs == 1 else 's'}"
    return f"{epochs} from the supernet's weights, with which it got {100 * inherited.value:.1f} % right"


def relative_address(path: str) -> str:
    """Return the address of a path relative to the page; never one of another host or scheme."""
    encoded = (chr(byte) if chr(byte) in _PLAIN else f"%{byte:02X}" for byte in path.encode())
    return "./" + "".join(encoded)


_PLAIN: Final = frozenset(string.ascii_letters + string.digits + "-._~/")
"""What may stand in the path of an address as it is (RFC 3986)."""

Ends = tuple[float, float, float]


def _share(figure: Accuracy | Figure | None) -> Ends | None:
    if figure is None:
        return None
    return 100.0 * figure.value, 100.0 * figure.lower, 100.0 * figure.upper


def _figure(figure: Figure | None) -> Ends | None:
    return None if figure is None else (figure.value, figure.lower, figure.upper)


def _latency(network: VerifiedNetwork) -> Ends:
    latency = network.latency
    return latency.value_ms, latency.lower_ms, latency.upper_ms


def _cells(column: Sequence[Ends | None]) -> list[Cell]:
    """Return a column, each number with the digits its own interval allows, filled up to a common point."""
    texts, intervals = [], []
    for ends in column:
        places = MAX_DECIMALS if ends is None else decimals(*ends)
        texts.append(NOTHING if ends is None else f"{ends[0]:.{places}f}")
        intervals.append("" if ends is None else f"{ends[1]:.{places}f}–{ends[2]:.{places}f}")
    present = [text if ends is not None else "" for text, ends in zip(texts, column, strict=True)]
    filled = aligned(present)
    return [
        Cell(full if ends is not None else NOTHING, between)
        for full, between, ends in zip(filled, intervals, column, strict=True)
    ]


def _scaled(values: Sequence[int], scale: Scale) -> list[str]:
    """Counts are exact: at least two digits of the smallest, and the same decimals for all."""
    if scale.divisor == 1.0:
        return [f"{value:,}" for value in values]
    least = min((value for value in values if value > 0), default=0) / scale.divisor
    places = 0 if least >= 10.0 else 1 if least >= 1.0 else 2
    return [f"{value / scale.divisor:,.{places}f}" for value in values]

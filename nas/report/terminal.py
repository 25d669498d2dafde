"""A finished search in a terminal: the plot, a table of the front, and what it says in lines.

Everything can be read without colour and at 80 columns.
"""

from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nas.report import words
from nas.report.comparisons import latency_pairs, latency_sentence
from nas.report.numbers import FIGURE_SPACE, PUNCTUATION_SPACE, decimals
from nas.report.rows import Row, rows_of, units_for
from nas.report.stock import better_stock_sentences
from nas.report.terminal_plot import front_plot
from nas.report.trust import doubt_sentences, prediction_sentences, suspect_sentences
from nas.results import Delivery, SearchResult, TargetResult, VerifiedNetwork


def show_search(result: SearchResult, *, width: int = 80, ascii_only: bool = False) -> RenderableType:
    """Return everything a terminal says of a search: for each target the plot, the table and the summary.

    Args:
        result: The search.
        width: Of the terminal, in characters.
        ascii_only: For terminals that know no other characters.
    """
    parts: list[RenderableType] = []
    for number, target in enumerate(result.targets):
        chosen = [delivery for delivery in result.deliveries if delivery.target == number]
        parts += [Text(words.target_name(result, number), style="bold")]
        stock = result.references_at(number)
        better = better_stock_sentences(result.id, number + 1, target, stock, chosen)
        parts += [front_plot(target, stock, width=width, ascii_only=ascii_only)]
        if target.front:
            parts += [front_table(target, chosen, ascii_only=ascii_only), Text()]
        parts += [Text(_plain(line, ascii_only)) for line in target_lines(target, better)]
        parts += [Text(_plain(line, ascii_only)) for line in delivery_lines(target, chosen)]
        parts += [Text()] if number + 1 < len(result.targets) else []
    return Group(*parts)


def front_table(
    target: TargetResult, deliveries: Sequence[Delivery] = (), *, ascii_only: bool = False
) -> Table:
    """Return the front as a table, from fast to accurate.

    Delivered networks are marked with `*`, suspect latencies with `!`.
    """
    units = units_for(target.front)
    table = Table(
        box=box.ASCII2 if ascii_only else box.SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
        padding=(0, 1, 0, 0),
    )
    unit = f", {units.file.unit}" if units.file.unit else ""
    table.add_column("#", justify="right", min_width=len(str(len(target.front))))
    table.add_column("network", overflow="ellipsis", no_wrap=True)
    for name in ("accuracy, %", "latency, ms", "predicted", f"file{unit}"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("tied", overflow="fold", min_width=4)
    chosen = {delivery.name for delivery in deliveries}
    for number, row in enumerate(rows_of(target.front, units, None, deliveries), start=1):
        table.add_row(*(Text(_plain(cell, ascii_only)) for cell in _cells(number, row, row.name in chosen)))
    return table


def _cells(number: int, row: Row, chosen: bool) -> tuple[str, ...]:
    latency = row.network.latency
    half = max(latency.value_ms - latency.lower_ms, latency.upper_ms - latency.value_ms)
    places = decimals(latency.value_ms, latency.lower_ms, latency.upper_ms)
    return (
        str(number),
        f"{row.name}{' *' if chosen else ''}",
        f"{row.accuracy.text} [{row.accuracy.interval}]",
        f"{'! ' if latency.suspect else ''}{latency.value_ms:.{places}f} ±{half:.{places}f}",
        row.predicted_latency.text,
        row.file_size,
        row.tied,
    )


def _plain(text: str, ascii_only: bool) -> str:
    """Return text with the spaces, and if need be the characters, that any terminal knows."""
    text = text.replace(FIGURE_SPACE, " ").replace(PUNCTUATION_SPACE, " ")
    if not ascii_only:
        return text
    text = text.replace("–", "-").replace("±", "+-").replace("·", "|").replace("×", "x")
    return text.encode("ascii", "replace").decode()


def target_lines(target: TargetResult, better_stock: Sequence[str] = ()) -> tuple[str, ...]:
    """Return what is to be said of a target, one line each: front, doubts, limits, effort, predictions.

    Args:
        target: What was found.
        better_stock: What `better_stock_sentences` says; they end with a command.
    """
    of = f" of {words.images_of(target.front)}" if target.front else ""
    return (
        f"{words.front_sentence(target.front)}{of}.",
        *better_stock,
        *(f"! {sentence}." for sentence in suspect_sentences(target.front)),
        *(f"{sentence}." for sentence in words.limit_sentences(target)),
        *(f"{sentence}." for sentence in words.left_out_sentences(target)),
        f"{words.effort_sentence(target)}.",
        *(f"In the lookup table, {sentence}." for sentence in doubt_sentences(target.table.states)),
        *(f"{sentence}." for sentence in prediction_sentences(target, target.front)),
        *((f"Predicted latencies of {latency_sentence(target)}",) if latency_pairs(target) else ()),
    )


def delivery_lines(target: TargetResult, deliveries: Sequence[Delivery]) -> tuple[str, ...]:
    """Return a line for each delivered network: what it does, also on test images, why it is there, where."""
    by_name = {network.name: network for network in target.front}
    return tuple(
        f"* {network_line(network)}{_on_test(network)}: {delivery.why}; in {delivery.folder}"
        for delivery in deliveries
        if (network := by_name.get(delivery.name))
    )


def _on_test(network: VerifiedNetwork) -> str:
    test = network.test_accuracy
    return f", {words.accuracy_text(test)} of {test.num_images:,} test images" if test else ""


def network_line(network: VerifiedNetwork) -> str:
    """Return a network in a few words: `net-3f9a1c, 0.431 ms, 98.9 %`."""
    return f"{network.name}, {words.latency_text(network.latency)}, {words.accuracy_text(network.accuracy)}"

"""The search in sentences: what the page's headlines, hover texts and the terminal say."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from latency_predictors.correction import ErrorReport
from latency_predictors.few_shot import FewShotReport
from latency_predictors.latency_metric import PLAIN
from nas.publication import Verified, deliverable, held_value, is_known
from nas.report.numbers import BYTES, COUNTS, Scale, decimals, interval, percent, rounded, with_unit
from nas.results import (
    Accuracy,
    AccuracyShift,
    BoardScore,
    Energy,
    Figure,
    Kind,
    Latency,
    SearchResult,
    TargetResult,
    VerifiedNetwork,
)

KINDS: Final[dict[Kind, str]] = {
    "measured": "run on the device, or scored on images, with the exported file itself",
    "table": "predicted: the sum of measured layers, corrected on whole networks",
    "fitted": "predicted by a model that was fitted to measured samples: scored subnets, or other layers",
    "modelled": "worked out from the shapes of the layers, nothing was run",
    "assumed": "taken for granted, for example from a data sheet",
}

COST_NAMES: Final[dict[str, str]] = {
    "latency_ms": "latency",
    "energy_mj": "energy",
    "peak_memory_bytes": "peak memory",
    "arena_bytes": "arena",
    "file_bytes": "file size",
    "num_params": "parameters",
    "num_macs": "MACs",
}

SHORT_UNITS: Final[dict[str, str]] = {"thousand": "k", "million": "M", "billion": "G"}
"""For heads and cells of columns."""

_SCALES: Final[dict[str, tuple[Scale, ...]]] = {
    "latency_ms": (Scale(1.0, "ms"),),
    "energy_mj": (Scale(1.0, "mJ"),),
    "peak_memory_bytes": BYTES,
    "arena_bytes": BYTES,
    "file_bytes": BYTES,
    "num_params": COUNTS,
    "num_macs": COUNTS,
}


def cost_text(name: str, value: float) -> str:
    """Return a cost with its unit: `0.43 ms`, `18.4 KiB`, `1.2 million`."""
    return with_unit(value, _SCALES[name])


def accuracy_text(accuracy: Accuracy | Figure) -> str:
    """Return an accuracy in percent, with as many digits as its interval allows: `98.9 %`."""
    return f"{percent(accuracy.value, accuracy.lower, accuracy.upper)} %"


def accuracy_interval(accuracy: Accuracy | Figure) -> str:
    """Return the interval of an accuracy in percent, without the sign: `98.1–99.4`."""
    return interval(100.0 * accuracy.value, 100.0 * accuracy.lower, 100.0 * accuracy.upper)


def latency_text(latency: Latency) -> str:
    """Return a latency with as many digits as its interval allows: `0.431 ms`, `0.45 ms (p95, suspect)`."""
    marks: list[str] = [] if latency.statistic == "median" else [latency.statistic]
    marks += ["suspect"] if latency.suspect else []
    shown = f" ({', '.join(marks)})" if marks else ""
    return f"{rounded(latency.value_ms, latency.lower_ms, latency.upper_ms)} ms{shown}"


def latency_interval(latency: Latency) -> str:
    """Return the interval of a latency in ms: `0.425–0.436`."""
    return interval(latency.value_ms, latency.lower_ms, latency.upper_ms)


def energy_text(energy: Energy) -> str:
    """Return the energy of an inference with what the meter sees: `1.34 mJ (board)`."""
    return f"{rounded(energy.gross_mj, energy.gross_lower_mj, energy.gross_upper_mj)} mJ ({energy.scope})"


def energy_interval(energy: Energy) -> str:
    """Return its interval in mJ: `1.31–1.38`."""
    return interval(energy.gross_mj, energy.gross_lower_mj, energy.gross_upper_mj)


def figure_ms(figure: Figure) -> str:
    """Return a predicted latency with as many digits as its interval allows: `0.43 ms`."""
    return f"{rounded(figure.value, figure.lower, figure.upper)} ms"


def figure_mj(figure: Figure) -> str:
    """Return a predicted energy likewise: `1.3 mJ`."""
    return f"{rounded(figure.value, figure.lower, figure.upper)} mJ"


def interval_ms(figure: Figure) -> str:
    """Return the interval of a predicted latency in ms: `0.41–0.45`."""
    return interval(figure.value, figure.lower, figure.upper)


def shift_text(shift: AccuracyShift) -> str:
    """Return what a precision costs: `-0.4 points (90 % of networks: -1.1 to +0.3; ...)`."""
    places = decimals(100.0 * shift.value, 100.0 * shift.lower, 100.0 * shift.upper)
    value, lower, upper = (f"{100.0 * end:+.{places}f}" for end in (shift.value, shift.lower, shift.upper))
    counted_on = f"{counted(shift.num_networks, 'network')}, {counted(shift.num_images, 'image')}"
    return f"{value} points (90 % of networks: {lower} to {upper}; {counted_on})"


def images_text(accuracy: Accuracy) -> str:
    """Return which images an accuracy belongs to: `360 confirm`."""
    return f"{accuracy.num_images:,} {accuracy.part}"


def board_text(score: BoardScore) -> str:
    """Return what a device gets right, beside the host: `91.2 % of 500 confirm images (...), host 91.4 %`."""
    there, here = score.accuracy, score.host
    text = (
        f"{accuracy_text(there)} of {images_text(there)} images ({accuracy_interval(there)} %), "
        f"host {accuracy_text(here)}"
    )
    return text if score.agrees else f"{text}: not verified there"


def images_of(networks: Sequence[VerifiedNetwork]) -> str:
    """Return which images the accuracies of networks belong to: `360 confirm images`."""
    parts = " and ".join(dict.fromkeys(network.accuracy.part for network in networks))
    counts = [network.accuracy.num_images for network in networks]
    least, most = min(counts, default=0), max(counts, default=0)
    return f"{least:,} {parts} images" if least == most else f"{least:,} to {most:,} {parts} images"


def sessions_text(sessions: Sequence[str]) -> str:
    """Return measuring sessions by the first digits of their names; in the documents they stand in full."""
    return ", ".join(session[:8] for session in sessions)


def counted(number: int, noun: str) -> str:
    """Return a number of things: `1 file`, `3 files`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def unbroken(text: str) -> str:
    """Return text whose numbers stay on one line with their units."""
    return text.replace(" ms", "\u00a0ms").replace(" %", "\u00a0%")


def front_sentence(front: Sequence[VerifiedNetwork]) -> str:
    """Return the front in words: `8 verified networks, from 0.11 ms at 95.2 % to 0.43 ms at 98.9 %`."""
    if not front:
        return "No network was published"
    fastest, best = front[0], max(front, key=lambda network: network.accuracy.value)
    ends = [
        f"{latency_text(network.latency)} at {accuracy_text(network.accuracy)}" for network in (fastest, best)
    ]
    if len(front) == 1:
        return f"1 verified network: {ends[0]}"
    if fastest is best:
        return f"{len(front)} verified networks, the fastest and most accurate with {ends[0]}"
    return f"{len(front)} verified networks, from {ends[0]} to {ends[1]}"


def left_out_sentences(target: TargetResult) -> tuple[str, ...]:
    """Return for each layer and each network that the runtime cannot run that it was left out, and why."""
    runtime = target.context["runtime"]
    layers = tuple(
        f"Left out: networks with layer {one.signature}, which {runtime} cannot run "
        f"({one.code}: {one.message})"
        for one in target.table.unsupported
    )
    return layers + tuple(
        f"Left out: {one.name}, which {runtime} cannot run ({one.code}: {one.message})"
        for one in target.unsupported
    )


def limit_sentences(target: TargetResult) -> tuple[str, ...]:
    """Return for each limit whether the front keeps it, and what is nearest where the front is empty."""
    return tuple(_limit_sentence(target, name, limit) for name, limit in target.target.limits.items())


def _limit_sentence(target: TargetResult, name: str, limit: float) -> str:
    held = f"{held_name(target, name, COST_NAMES[name])} of at most {limit_text(name, limit)}"
    networks = [network for network in target.front or deliverable(target) if is_known(network, name)]
    bounds = [held_value(network, name) for network in networks]
    if not bounds:
        return f"Limit not checked: {held}; no network was verified"
    if not target.front and min(bounds) <= limit:
        keeping = sum(bound <= limit for bound in bounds)
        alone = f"{keeping:,} of {counted(len(bounds), 'verified network')}"
        return f"Limit not met together with the others: {held}, which {alone} keep"
    if not target.front:
        nearest = cost_text(name, min(bounds))
        return f"Limit not met: {held}; the nearest verified network has {nearest}{_end(name)}"
    verdict = "Limit kept" if max(bounds) <= limit else "Limit broken"
    return f"{verdict}: {held}; the highest on the front is {cost_text(name, max(bounds))}{_end(name)}"


def held_name(target: Verified, name: str, called: str) -> str:
    """Return what a limit is on, as it is called; of latency with its meaning, if not the plain median."""
    plain = name != "latency_ms" or target.metric == PLAIN
    return called if plain else f"{called} ({target.metric.label})"


def limit_text(name: str, limit: float) -> str:
    """Return a limit as it was given, with its unit."""
    return f"{limit:g} ms" if name == "latency_ms" else cost_text(name, limit)


def _end(name: str) -> str:
    return " (upper end of its interval)" if name in ("latency_ms", "energy_mj") else ""


def where_sentence(target: Verified) -> str:
    """Return where the figures were measured; of latency also what is meant, but for the plain median."""
    meant = "" if target.metric == PLAIN else f", {target.metric.label}"
    return f"{target.device_label} · {target.context_label}{meant}"


def effort_sentence(target: TargetResult) -> str:
    """Return how much was looked at and verified, and why it ended."""
    rounds = counted(target.num_rounds, "round")
    return (
        f"{target.num_evaluated:,} architectures were looked at, {len(target.networks)} exported, scored and "
        f"measured in {rounds}; {target.stopped}"
    )


def target_name(result: SearchResult, index: int) -> str:
    """Return what a target is called: with its number and context where there are several."""
    target = result.targets[index]
    if len(result.targets) == 1:
        return target.device_label
    return f"Target {index + 1}: {where_sentence(target)}"


def options_text(options: Mapping[str, object]) -> str:
    """Return facts on one line, for example those of a device."""
    return ", ".join(f"{name} {value}" for name, value in options.items())


def predictor_sentence(report: Mapping[str, Any]) -> str:
    """Return how well the accuracy predictor orders subnets that it has not seen."""
    correlation = report.get("spearman")
    if not isinstance(correlation, float):
        return "Nothing is known of the accuracy predictor on held-out subnets."
    return (
        "On subnets it has not seen, predicted and scored accuracies have a rank correlation of "
        f"{correlation:.2f} (1 is the same order); it decides only what is verified."
    )


UNREPORTED: Final = "too few whole networks were measured to say how good predictions are"
"""Beside predictions from a table without an error report."""


def report_sentence(report: ErrorReport) -> str:
    """Return how far predictions of latency can be trusted: what stands beside each of them."""
    return (
        f"networks left out one by one: median error {percent(report.corrected.median_error)} %, "
        f"{percent(report.coverage)} % of {report.num_networks} inside the {percent(report.level)} % "
        f"intervals (±{percent(report.median_half_width)} %){verified_part(report)}; networks repeat within "
        f"{percent(report.repeat_rel_sd)} %{suspect_part(report)}{_left_out(report)}"
    )


def suspect_part(report: ErrorReport | FewShotReport) -> str:
    """Return how many networks are suspect, to end a sentence with; empty where none is."""
    if not report.num_suspect:
        return ""
    which = f"{report.num_suspect} of {report.num_networks}"
    return f"; {which} are suspect: the device was disturbed or changed its speed"


def _left_out(report: ErrorReport) -> str:
    if not report.num_left_out:
        return ""
    return f"; {report.num_left_out} more are suspect and left out: profile again when the device is idle"


def verified_part(report: ErrorReport | FewShotReport) -> str:
    """Return how good predictions of verified networks were, to go on with; empty without any."""
    if report.verified_coverage is None:
        return ""
    return f", {percent(report.verified_coverage)} % of {report.num_verified} that searches verified"

"""What the page says of the table of a target: how it was made, how good predictions from it are."""

from latency_predictors.device import layer_ranges
from nas.report import words
from nas.report.numbers import plain
from nas.report.rows import NOTHING
from nas.report.trust import doubt_sentences
from nas.results import TableSummary, TargetResult

Facts = list[tuple[str, str]]
"""Name and text."""


def table_facts(target: TargetResult) -> Facts:
    """Return what is told of the table of a target."""
    table = target.table
    ranges = layer_ranges(target.context.get("precision", ""))
    return [
        ("distinct layers of the space", f"{table.num_layers:,}"),
        ("measured for this search", f"{table.num_measured_now:,}"),
        ("measured before", f"{table.num_layers - table.num_measured_now:,}"),
        *((("each layer quantised alone, its ranges from", ranges),) if ranges else ()),
        ("median difference between sessions", f"{plain(100.0 * table.median_spread, 2)} %"),
        ("measuring sessions", words.sessions_text(table.sessions) or NOTHING),
        *(("in doubt when the search began", sentence) for sentence in doubt_sentences(table.states)),
        *_errors(table),
        *_verified(target),
        *_energy(target),
    ]


def _errors(table: TableSummary) -> Facts:
    """Return what the error report says beside the median errors; nothing where there is none."""
    report = table.report
    if "corrected" not in report:
        return []
    corrected, level = report["corrected"], f"{100.0 * report['level']:g} %"
    facts = [
        ("whole networks the correction rests on", f"{report['num_networks']}"),
        ("of these within 5 %, each left out once", f"{plain(100.0 * corrected['within_5'], 3)} %"),
        ("rank correlation with the measurement", f"{corrected['spearman']:.3f}"),
        (f"inside the {level} interval", f"{plain(100.0 * report['coverage'], 3)} %"),
        ("median half width of the interval", f"{plain(100.0 * report['median_half_width'], 2)} %"),
        ("spread of whole networks between sessions", f"{plain(100.0 * report['repeat_rel_sd'], 2)} %"),
    ]
    if report.get("num_suspect"):
        facts.append(
            (
                "whole networks that are suspect: the device was disturbed or changed its speed",
                f"{report['num_suspect']}",
            )
        )
    if report.get("num_left_out"):
        facts.append(
            ("whole networks that are left out because they are suspect", f"{report['num_left_out']}")
        )
    if report.get("num_verified"):
        name = f"of {report['num_verified']} networks that earlier searches verified, inside the interval"
        facts.append((name, f"{plain(100.0 * report['verified_coverage'], 3)} %"))
    return facts


def _verified(target: TargetResult) -> Facts:
    if target.verified_coverage is None:
        return []
    name = "of the networks this search verified, inside the interval predicted before"
    return [(name, f"{plain(100.0 * target.verified_coverage, 3)} %")]


def _energy(target: TargetResult) -> Facts:
    """Return how energy was measured and how good its predictions are; nothing where nobody asked for it."""
    energy = target.energy
    if energy is None:
        return []
    facts = [("energy measured with", f"{energy.meter} ({energy.scope})")]
    if energy.report:
        facts += [
            (
                f"median error of predicted energy, {energy.num_networks} networks left out one by one",
                f"{plain(100.0 * energy.report['corrected']['median_error'], 2)} %",
            ),
            ("of these energies inside the interval", f"{plain(100.0 * energy.report['coverage'], 3)} %"),
        ]
    if energy.verified_coverage is not None:
        name = "of the energies this search verified, inside the interval predicted before"
        facts.append((name, f"{plain(100.0 * energy.verified_coverage, 3)} %"))
    if energy.correlation is not None:
        name = "rank correlation of energy with latency (near 1, energy tells nothing more)"
        facts.append((name, f"{energy.correlation:.3f}"))
    return facts

"""Every table context against whole networks, with simpler predictions beside it."""

from dataclasses import replace
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.sections.measured_networks import Case
from benchmarks.sections.operator_profile import operator_sums
from benchmarks.sections.table_cases import cases
from benchmarks.sections.tables import NUM_NETWORKS, NUM_QUICK, Held, beside, figures_of, hold, share_figure

LEAST_POINTS = -3.0


def run(home: Path, quick: bool) -> list[Figure]:
    """Hold each table against its networks; the share within 5 % is that of all tables together."""
    figures, tables = [], []
    for case in cases(quick=quick):
        tables.append(_held(home, case, quick))
        figures += [*figures_of(tables[-1], case.name), *beside(tables[-1], case.name)]
    return [*figures, share_figure(tables, LEAST_POINTS)]


def run_case(case: Case, home: Path, quick: bool) -> list[Figure]:
    """Hold one of them against its networks: a long run in parts, whose figures the whole one takes."""
    held = _held(home, case, quick)
    return [*figures_of(held, case.name), *beside(held, case.name)]


def _held(home: Path, case: Case, quick: bool) -> Held:
    held = hold(home, case, NUM_QUICK if quick else NUM_NETWORKS)
    return replace(held, others={**held.others, "sum of profiled operators": operator_sums(home, held)})

"""How the sums of a table are corrected for one search space, and how good that is."""

import math

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from latency_predictors.calibration import counted_points, is_outdated, predict_left_out
from latency_predictors.correction import Correction, ErrorReport, FormErrors
from nas.report.numbers import percent, plain
from nas.report.terminal_scatter import Compared, prediction_plot
from nas.report.words import report_sentence
from nas.results import Document


class NetworkLine(Document):
    """A network that was measured, beside what was predicted of it by what had not seen it.

    Attributes:
        verified: Whether a search chose it; else it was chosen to calibrate with.
    """

    digest: str
    predicted_ms: float
    lower_ms: float
    upper_ms: float
    measured_ms: float
    verified: bool


class Calibration(Document):
    """How sums over layers are turned into latencies for one search space, and how good that is.

    Attributes:
        space_digest: Of the space; for anything but plain medians, the digest of both.
        predicts: Which latency, for example `median` or `p95 with pauses of 20 ms`.
    """

    space_digest: str
    predicts: str
    created_at: str
    formula: str
    num_networks: int
    report: ErrorReport | None
    networks: tuple[NetworkLine, ...]

    @property
    def errors(self) -> list[tuple[str, FormErrors]]:
        """Errors of each way to predict, by what it is called; none where networks are too few for them."""
        if self.report is None:
            return []
        return [
            ("sum of layers", self.report.bare_sum),
            ("scaled sum", self.report.affine),
            ("corrected sum, as used", self.report.corrected),
            ("MACs only", self.report.macs),
        ]

    def __rich__(self) -> RenderableType:
        """Draw the formula, the errors side by side, and each network."""
        which = f"\nspace {self.space_digest[:12]}, {self.predicts}"
        head = f"{which}: {self.formula}, fitted on {self.num_networks} networks"
        if self.report is None:
            return Text(f"{head}, too few for an error report")
        table = Table(
            "prediction (left out one by one)", "median error", "within 5 %", "rank correlation", box=None
        )
        for name, errors in self.errors:
            figures = (
                f"{percent(errors.median_error)} %",
                f"{percent(errors.within_5)} %",
                f"{errors.spearman:.3f}",
            )
            table.add_row(name, *figures)
        plot = prediction_plot([Compared(**line.model_dump(exclude={"digest"})) for line in self.networks])
        return Group(Text(head), table, Text(report_sentence(self.report)), Text(), plot)


def calibration_of(space_digest: str, correction: Correction) -> Calibration:
    """Return what is told of a correction."""
    terms = [f"{plain(correction.a)} * sum{_shares(correction)}"]
    if correction.b:
        terms.append(f"+ {plain(correction.b)} ms")
    if correction.c:
        terms.append(f"- {plain(correction.c)} ms * layers")
    if correction.d:
        terms.append(f"- {plain(correction.d)} ms * MiB in and out of layers")
    if correction.e:
        kept = f" beyond {plain(correction.cache_mib)}" if correction.cache_mib else ""
        terms.append(f"+ {plain(correction.e)} ms * MiB touched{kept}")
    if correction.f:
        terms.append(f"+ {plain(correction.f)} ms * billion MACs of an image")
    return Calibration(
        space_digest=space_digest,
        predicts=correction.metric.label,
        created_at=correction.created_at,
        formula=" ".join(terms),
        num_networks=len(counted_points(correction.points)),
        report=correction.report,
        networks=_networks(correction) if correction.report else (),
    )


def _shares(correction: Correction) -> str:
    if not correction.shares:
        return ""
    low, high = (100.0 * pick(correction.shares.values()) for pick in (min, max))
    return f" (single layers {low:+.1f} to {high:+.1f} %)"


def _networks(correction: Correction) -> tuple[NetworkLine, ...]:
    """Return the networks of a correction: each left out, or as the search that verified it believed."""
    known = correction.points
    if is_outdated(correction):  # by the terms that it has
        known = tuple(point.model_copy(update={"num_macs": 0}) for point in known)
    points, factors = predict_left_out(known, correction.level)
    lines = []
    for point, predicted, factor in zip(correction.points, points.tolist(), factors.tolist(), strict=True):
        lower, upper = point.predicted_ms or (predicted / factor, predicted * factor)
        lines.append(
            NetworkLine(
                digest=point.digest,
                predicted_ms=math.sqrt(lower * upper),
                lower_ms=lower,
                upper_ms=upper,
                measured_ms=point.measured_ms,
                verified=point.predicted_ms is not None,
            )
        )
    return tuple(lines)

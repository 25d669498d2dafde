"""Whole networks that sessions in doubt have measured: marked where a table is shown, left out of fits.

Golden subjects put sessions in doubt (see `golden`): nobody knows how fast the board was then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from latency_predictors.calibration import ENOUGH_CALM, counted_points, fit_again, united
from latency_predictors.calibration_point import CalibrationPoint
from latency_predictors.correction import Correction
from latency_predictors.few_shot import FewShotPoint


@dataclass(frozen=True)
class Doubt:
    """What is in doubt of the networks behind a table's corrections.

    Attributes:
        sessions: Why each session that is in doubt is, by its identifier.
        unnamed: Why networks are that do not name their sessions, those of earlier versions; empty where they
            are not.
    """

    sessions: Mapping[str, str]
    unnamed: str = ""

    def why(self, point: CalibrationPoint | FewShotPoint) -> str:
        """Return why a network is in doubt; empty where it is not."""
        if not point.session_ids:
            return self.unnamed
        return next((self.sessions[one] for one in point.session_ids if one in self.sessions), "")


def doubting(correction: Correction, doubt: Doubt) -> Correction:
    """Return a correction whose networks in doubt are suspect, and counted so in its report.

    It predicts as before: it is shown so until these networks are measured again, and not fitted for that.
    """
    points = _marked(correction.points, doubt)
    if points == correction.points or correction.report is None:
        return correction.model_copy(update={"points": points})
    rests_on = _marked(counted_points(correction.points), doubt)
    report = correction.report.model_copy(update={"num_suspect": sum(one.suspect for one in rests_on)})
    return correction.model_copy(update={"points": points, "report": report})


def without_doubted(correction: Correction, doubt: Doubt) -> Correction | None:
    """Return a correction without its networks in doubt; the same where none is.

    None where too few are left that were drawn: those that a search has chosen do not stand for the others.
    """
    left = _left(correction, doubt)
    return left if left is correction or _is_enough(left) else None


def joined(there: Correction | None, new: Correction, doubt: Doubt) -> Correction | None:
    """Return a correction on the networks of two, as `united`, without those in doubt.

    Args:
        there: Published by somebody else meanwhile; None where nothing was.
        new: Returned as it is where it has none in doubt, and nothing was published. Where it has, and too
            few networks of both are left, there is no correction.
        doubt: Of both.
    """
    mine = _left(new, doubt)
    found = mine if there is None else united(_left(there, doubt), mine)
    return found if mine is new or _is_enough(found) else None


def _marked(points: Sequence[CalibrationPoint], doubt: Doubt) -> tuple[CalibrationPoint, ...]:
    return tuple(one.model_copy(update={"suspect": True}) if doubt.why(one) else one for one in points)


def _left(correction: Correction, doubt: Doubt) -> Correction:
    points = [point for point in correction.points if not doubt.why(point)]
    return correction if len(points) == len(correction.points) else fit_again(correction, points)


def _is_enough(correction: Correction) -> bool:
    return sum(point.predicted_ms is None for point in correction.points) >= ENOUGH_CALM

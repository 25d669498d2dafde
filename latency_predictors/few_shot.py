"""A device without a table: latencies predicted from 10 to 20 whole networks that ran there.

The model is physical. A network has steps to be started and work to be done (`network_features`),

    starting = w₁·1 + w₂·convolutions + ... ,   working = w₆·macs + ... + w₉·weights,   w ≥ 0,

and no weight can be negative because a step, a multiply-accumulate or a byte cannot give time back. Where one
processor does both, a network takes their sum. Where an accelerator works on one step while the next ones are
being started, it takes the longer of the two, as in the roofline model (Williams et al., CACM 52, 2009).
Between these stands the norm

    t = (starting^p + working^p)^(1/p),   p = 1 for the sum, large for the longer one.

Few whole-network runs are then enough, without any other device's data; meta-learned predictors (HELP, Lee et
al. 2021; NASFLAT, Akhauri and Abdelfattah 2024) take as many, and the runs of many source devices besides.

`network_design` chooses the networks to measure, `few_shot_fitting` makes the model; using it takes no more
than numpy.
"""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from latency_predictors.correction import WIDENING, FormErrors
from latency_predictors.network_features import STEPS, WORK, network_features
from latency_predictors.predictor import Costs
from latency_predictors.protocol import WireModel
from search_spaces.base import FloatArray, IntArray, SearchSpace


class FewShotPoint(WireModel):
    """One whole network that was measured.

    Attributes:
        digest: Of the network.
        features: In the order of `FEATURES`.
        measured_ms: Median over sessions.
        rel_sd: Spread between sessions, as a share.
        drawn: Whether it was drawn at random, not designed, and not chosen by a search.
        predicted_ms: Ends of the interval that the model gave before a search verified the network; None for
            networks that were measured to fit it.
        suspect: Whether its sessions contradict each other, or the device was disturbed wherever they agree.
        session_ids: The sessions that `measured_ms` is made of; empty in points of earlier versions, as is
        measured_at: when the newest of them began, UTC.
        published: Whether `measured_ms` is what somebody published, and nothing ran.
    """

    digest: str
    features: tuple[float, ...]
    measured_ms: float
    rel_sd: float
    drawn: bool
    predicted_ms: tuple[float, float] | None = None
    suspect: bool = False
    session_ids: Annotated[tuple[str, ...], Field(exclude_if=lambda ids: not ids)] = ()
    measured_at: Annotated[str, Field(exclude_if=lambda text: not text)] = ""
    published: Annotated[bool, Field(exclude_if=lambda yes: not yes)] = False

    @property
    def as_predicted(self) -> bool:
        """Whether it was measured inside the interval that was predicted before."""
        return self.predicted_ms is not None and (
            self.predicted_ms[0] <= self.measured_ms <= self.predicted_ms[1]
        )

    def replacing(self, known: "FewShotPoint") -> "FewShotPoint":
        """Return the network measured once more, with what of its first time stays.

        What is suspect does not replace what is not. What was predicted of it the second time has seen the
        first: the first prediction stays, and where there was none, none counts. What was drawn at random
        once is so whoever chooses it later.
        """
        counts = known if self.suspect and not known.suspect else self
        kept = {"predicted_ms": known.predicted_ms, "drawn": self.drawn or known.drawn}
        return counts.model_copy(update=kept)


class FewShotReport(WireModel):
    """How good the model is: errors on the networks that were drawn, each predicted by a fit without it.

    Attributes:
        num_networks: Networks it was fitted on.
        num_drawn: Those of them that were drawn at random, which the errors are of.
        fitted: The model.
        macs: t = a MACs + b, what the model has to beat.
        level: Nominal coverage of the intervals.
        coverage: Share of drawn networks inside the interval made of the others.
        median_half_width: Half width of those intervals, as a share of the point.
        repeat_rel_sd: Spread of whole networks between sessions: no prediction can be better.
        num_verified: Networks among them that searches chose and verified.
        verified_coverage: Share of those inside the interval that was given before; None without any. They
            are not like networks drawn at random.
        num_suspect: Networks whose latency is suspect: errors and intervals are as good as these are.
        num_published: Networks whose latency is what somebody published: nobody knows how they repeat.
    """

    num_networks: int
    num_drawn: int
    fitted: FormErrors
    macs: FormErrors
    level: float
    coverage: float
    median_half_width: float
    repeat_rel_sd: float
    num_verified: int = 0
    verified_coverage: float | None = None
    num_suspect: int = 0
    num_published: Annotated[int, Field(exclude_if=lambda number: not number)] = 0


class FewShotModel(WireModel):
    """The weights, and how far they can be trusted.

    Attributes:
        weights_ms: Milliseconds of one of each of `FEATURES`.
        overlap: The exponent p: 1 where steps are started and worked on in turn, larger where at once.
        level: Nominal coverage of the interval.
        half_width: The interval is point / (1 + half_width) to point * (1 + half_width).
        lowest: Of each feature among the measured networks, and
        highest: the same; beyond, the interval widens.
        floor_ms: No prediction is below.
        kind: Always fitted.
        points: What it was fitted on.
        report: Cross-validated errors.
        created_at: UTC, ISO 8601.
    """

    version: Literal[1] = 1
    weights_ms: tuple[float, ...]
    overlap: float
    level: float
    half_width: float
    lowest: tuple[float, ...]
    highest: tuple[float, ...]
    floor_ms: float
    kind: Literal["fitted"] = "fitted"
    points: tuple[FewShotPoint, ...]
    report: FewShotReport
    created_at: str

    def point(self, features: FloatArray) -> FloatArray:
        """Return predicted milliseconds, (n,), of networks with features (n, p)."""
        return np.maximum(latency_ms(features, np.array(self.weights_ms), self.overlap), self.floor_ms)

    def factor(self, features: FloatArray) -> FloatArray:
        """Return upper / point, which is point / lower, (n,), of networks with features (n, p)."""
        lowest, highest = np.array(self.lowest), np.array(self.highest)
        span = np.maximum(highest, 1.0)  # all features are counts
        beyond = np.maximum(np.maximum(lowest - features, features - highest), 0.0) / span
        widest: FloatArray = 1.0 + self.half_width * (1.0 + WIDENING * beyond.max(axis=1))
        return widest


def latency_ms(features: FloatArray, weights_ms: FloatArray, overlap: float) -> FloatArray:
    """Return what the model says of networks with features (n, p) and weights (p,), (n,)."""
    starting = features[:, STEPS] @ weights_ms[STEPS]
    working = features[:, WORK] @ weights_ms[WORK]
    total: FloatArray = (starting**overlap + working**overlap) ** (1 / overlap)
    return total


class FewShotPredictor:
    """Predicts the latency in milliseconds of the architectures of a space on one device and context."""

    def __init__(self, space: SearchSpace, model: FewShotModel) -> None:
        self._features = network_features(space)
        self._model = model

    def predict(self, archs: IntArray) -> Costs:
        """Return the costs of architectures, (n, choices)."""
        features = self._features(archs)
        point, factor = self._model.point(features), self._model.factor(features)
        # No layer of it was measured.
        return Costs(point, point / factor, point * factor, np.zeros(len(archs)), self._model.kind)

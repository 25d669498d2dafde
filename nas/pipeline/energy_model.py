"""What predicts the energy of networks, and what results say of it.

A network's energy is predicted as its latency is: the sum of its layers in the table, corrected on whole
networks, whose energy a meter saw. The coefficient of the sum is then a power, the others are energies.
"""

from collections.abc import Sequence
from typing import Final, Self

import numpy as np

from latency_predictors.calibration import calibrate, refit
from latency_predictors.calibration_point import CalibrationPoint
from latency_predictors.correction import Correction
from latency_predictors.energy_figure import Scope
from latency_predictors.energy_sessions import SessionsEnergy
from latency_predictors.error_report import spearman
from latency_predictors.lookup_table import LookupTable
from latency_predictors.predictor import CostPredictor
from nas.candidates import Predictor
from nas.publication import coverage
from nas.results import Document, Energy, EnergySummary, VerifiedNetwork
from search_spaces.base import SearchSpace

ENERGY: Final = "energy_mj"
_FEWEST: Final = 3


class EnergyModel(Document):
    """What predicts the energy of a space's networks on one device and context, in millijoules.

    Attributes:
        correction: Of the sums of the table, fitted on gross energies.
        meter: That saw the networks.
        scope: What the meter sees.
    """

    correction: Correction
    meter: str
    scope: Scope

    def predictor(self, space: SearchSpace, table: LookupTable) -> Predictor:
        """Return a function from architectures to their energy."""
        return CostPredictor(space, table, self.correction).predict

    @classmethod
    def of(cls, points: Sequence[CalibrationPoint], meter: str, scope: Scope) -> Self:
        """Return the model fitted on networks that a meter saw."""
        return cls(correction=_fitted(calibrate(points)), meter=meter, scope=scope)

    def refitted(self, new: Sequence[CalibrationPoint]) -> Self:
        """Return the model fitted on further networks too."""
        return self.model_copy(update={"correction": _fitted(refit(self.correction, new))}) if new else self

    def summary(self, networks: Sequence[VerifiedNetwork]) -> EnergySummary:
        """Return what results say of it, with the networks that were verified."""
        seen = [(network, network.energy) for network in networks if network.energy is not None]
        energies = np.array([energy.gross_mj for _, energy in seen])
        latencies = np.array([network.latency.value_ms for network, _ in seen])
        report = self.correction.report
        return EnergySummary(
            meter=self.meter,
            scope=self.scope,
            num_networks=len(self.correction.points),
            report={} if report is None else report.model_dump(mode="json"),
            correlation=spearman(energies, latencies) if len(seen) >= _FEWEST else None,
            verified_coverage=coverage((one.predicted_energy, energy.gross_mj) for one, energy in seen),
        )


def energy_of(measured: SessionsEnergy) -> Energy:
    """Return what was measured of a file as results show it."""
    gross, net = measured.gross, measured.net
    return Energy(
        gross_mj=gross.value_mj,
        gross_lower_mj=gross.lower_mj,
        gross_upper_mj=gross.upper_mj,
        net_mj=net.value_mj,
        net_lower_mj=net.lower_mj,
        net_upper_mj=net.upper_mj,
        mean_w=measured.mean_w,
        meter=measured.meter,
        scope=gross.scope,
    )


def _fitted(correction: Correction) -> Correction:
    """Return a correction with its label: no table of energies stands behind it."""
    return correction.model_copy(update={"kind": "fitted"})

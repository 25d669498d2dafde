"""What is known of the energy of one inference: values that sessions carry and results show."""

from dataclasses import dataclass
from typing import Literal

from latency_predictors.wire_types import Text

Scope = Literal["package", "gpu", "rail", "board", "wall"]
"""What a meter sees: a processor package, a graphics card, one supply rail, a whole board, all behind a plug.

Figures of different scopes are different quantities.
"""

EnergyKind = Literal["measured", "modelled", "assumed"]


@dataclass(frozen=True)
class EnergyFigure:
    """Energy of one inference in millijoules, with its interval.

    Attributes:
        kind: `measured` with a meter, `modelled` from a latency and a power that was measured, `assumed`.
        scope: What the meter sees; of a data sheet the package.
    """

    value_mj: float
    lower_mj: float
    upper_mj: float
    kind: EnergyKind
    scope: Scope


@dataclass(frozen=True)
class MeasuredEnergy:
    """What a meter says of one network.

    Attributes:
        gross: All that was taken while it ran, for one inference.
        net: What of it was above idle.
        mean_w: Power under load, the median of the windows.
        idle_w: Power before and after.
        latency_ms: Of one inference in the same windows.
        meter: Name of the meter.
        num_updates: Of the meter under load.
    """

    gross: EnergyFigure
    net: EnergyFigure
    mean_w: float
    idle_w: tuple[float, float]
    latency_ms: float
    meter: Text
    num_updates: int

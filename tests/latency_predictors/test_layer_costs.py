import math

import numpy as np
import pytest

from latency_predictors.layer_costs import layer_costs, spread_of
from latency_predictors.lookup_table import LookupTable, layer_key
from search_spaces.errors import MeasurementError
from search_spaces.layers import ConvNormAct
from tests.latency_predictors.sessions import CONTEXT, DEVICE, session

A, B, C = (ConvNormAct((3, 8, 8), width, 3, 1, "relu") for width in (4, 8, 16))


def table() -> LookupTable:
    """A and B were measured, B with another version of the runtime; C was fitted."""
    costs = {layer_key(A): 0.1, layer_key(B): 0.2, layer_key(C): 0.4}
    found = LookupTable(device=DEVICE, context=CONTEXT).merged([A, B, C], [session("s1", costs)])
    entries = dict(found.entries)
    entries[layer_key(A)] = entries[layer_key(A)].model_copy(update={"rel_sd": 0.01})
    entries[layer_key(B)] = entries[layer_key(B)].model_copy(update={"rel_sd": 0.1, "checked": False})
    entries[layer_key(C)] = entries[layer_key(C)].model_copy(update={"rel_sd": 0.2, "kind": "fitted"})
    return found.model_copy(update={"entries": entries})


def test_measured_errors_add_up_in_quadrature_and_others_as_they_are() -> None:
    costs = layer_costs(table(), [A, A, B, C], filled=True)
    assert costs.median_ms.tolist() == [0.1, 0.1, 0.2, 0.4]
    # Two of 0.001 by chance; 0.02 and 0.08 in one direction.
    assert costs.spread_ms == pytest.approx(math.sqrt(2 * 0.001**2 + (0.02 + 0.08) ** 2))
    assert costs.unmeasured_ms.sum() == pytest.approx(0.6)
    assert not costs.all_measured


def test_what_was_measured_here_is_all_measured() -> None:
    costs = layer_costs(table(), [A, A])
    assert costs.all_measured
    assert costs.spread_ms == pytest.approx(math.sqrt(2) * 0.001)


def test_who_wants_a_measured_table_is_given_no_other() -> None:
    for spec in (B, C):
        with pytest.raises(MeasurementError) as caught:
            layer_costs(table(), [A, spec])
        assert caught.value.code == "missing_layers"


def test_spreads_of_many_sums_at_once() -> None:
    found = spread_of(np.array([9.0, 0.0], dtype=np.float32), np.array([4.0, 2.0], dtype=np.float32))
    assert found.tolist() == [5.0, 2.0]
    assert found.dtype == np.float32

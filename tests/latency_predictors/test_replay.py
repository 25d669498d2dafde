"""Published latencies come through the port of measurements, and never pass for measured here."""

import numpy as np
import pytest

from benchmarks.published import Published, published
from latency_predictors.device import host_device
from latency_predictors.error_report import form_errors
from latency_predictors.few_shot import FewShotPoint, FewShotPredictor
from latency_predictors.few_shot_fitting import fit_few_shot
from latency_predictors.lookup_table import LookupTable, layer_key
from latency_predictors.measure import NETWORK_PROTOCOL
from latency_predictors.network_design import design_networks
from latency_predictors.network_features import network_features
from latency_predictors.protocol import SessionResult
from latency_predictors.replay import Trace, replay
from latency_predictors.spread import SINGLE_SESSION_REL_SD, combine_sessions
from search_spaces.base import option_values
from search_spaces.errors import MeasurementError
from search_spaces.layers import ConvNormAct
from search_spaces.sampling import as_architecture
from tests.latency_predictors.sessions import CONTEXT, DEVICE

LAYER = ConvNormAct((3, 8, 8), 8, 3, 1, "relu")
TRACE = Trace(
    source="a paper, table 3",
    licence="MIT",
    device=DEVICE,
    context=CONTEXT,
    published_at="2021-05-06",
    latency_ms={"a" * 64: 1.5, "b" * 64: 2.5},
)


@pytest.fixture(scope="module")
def ofa() -> Published:
    """What was published with HELP."""
    return published()


def test_a_published_figure_is_one_value_whose_spread_nobody_knows() -> None:
    found = replay(TRACE, ["b" * 64], NETWORK_PROTOCOL)
    (result,) = found.results
    assert (result.digest, result.median_ms, result.summary.wide) == ("b" * 64, 2.5, True)
    assert (found.provenance, found.started_at) == ("published", "2021-05-06")
    assert (found.device, found.context) == (DEVICE, CONTEXT)
    assert SessionResult.model_validate_json(found.model_dump_json()) == found
    (value,) = combine_sessions([found]).values()
    assert (value.rel_sd, value.measured_at, value.settled) == (SINGLE_SESSION_REL_SD, "", False)


def test_what_was_not_published_is_never_zero() -> None:
    with pytest.raises(MeasurementError, match="1 of 2 subjects are not in 'a paper, table 3'") as caught:
        replay(TRACE, ["a" * 64, "c" * 64], NETWORK_PROTOCOL)
    assert caught.value.code == "not_published"


def test_this_machine_is_measured_not_replayed() -> None:
    with pytest.raises(MeasurementError) as caught:
        replay(TRACE.model_copy(update={"device": host_device()}), ["a" * 64], NETWORK_PROTOCOL)
    assert caught.value.code == "replay_of_this_machine"


def test_a_replayed_session_is_no_entry_of_a_table() -> None:
    key = layer_key(LAYER)
    found = replay(TRACE.model_copy(update={"latency_ms": {key: 1.0}}), [key], NETWORK_PROTOCOL)
    with pytest.raises(MeasurementError) as caught:
        LookupTable(device=DEVICE, context=CONTEXT).merged([LAYER], [found])
    assert caught.value.code == "published_values"


def test_published_networks_are_those_of_the_space(ofa: Published) -> None:
    assert len(ofa.traces) == 12
    assert len(set(ofa.digests)) == len(ofa.archs) > 4_900
    with np.load("tests/data/help_ofa/ofa_mbv3_latency.npz", allow_pickle=False) as arrays:
        depth, kernel, expansion = (arrays[name][0] for name in ("depth", "kernel_size", "expansion"))
        resolution, latency_ms = arrays["resolution"][0], arrays["latency_ms"][:, 0]
    values = option_values(ofa.space, as_architecture(ofa.archs[0]))
    assert values["resolution"] == resolution
    for stage in range(5):
        assert values[f"stage{stage + 1}.depth"] == depth[stage]
        for block in range(depth[stage]):
            name, place = f"stage{stage + 1}.block{block + 1}", 4 * stage + block
            assert values[f"{name}.kernel"] == kernel[place]
            assert values[f"{name}.expansion"] == expansion[place]
    found = [trace.latency_ms[ofa.digests[0]] for trace in ofa.traces.values()]
    np.testing.assert_allclose(found, latency_ms, rtol=1e-6)


def test_twenty_published_runs_predict_the_rest(ofa: Published) -> None:
    features = network_features(ofa.space)(ofa.archs)
    design = design_networks(features, 20, np.random.default_rng(0))
    trace = ofa.traces["titan_rtx_64"]
    values = combine_sessions([replay(trace, [ofa.digests[i] for i in design.chosen], NETWORK_PROTOCOL)])
    model = fit_few_shot(
        [
            FewShotPoint(
                digest=ofa.digests[i],
                features=tuple(features[i].tolist()),
                measured_ms=values[ofa.digests[i]].median_ms,
                rel_sd=values[ofa.digests[i]].rel_sd,
                drawn=i in design.drawn,
            )
            for i in design.chosen
        ]
    )
    costs = FewShotPredictor(ofa.space, model).predict(ofa.archs)
    errors = form_errors(costs.point, ofa.latency_ms("titan_rtx_64"))
    assert errors.spearman > 0.97
    assert errors.mape < 0.06

"""Published latencies come through the port of measurements, and never pass for measured here."""

import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

from benchmarks.published import Published, published
from latency_predictors.calibration_point import CalibrationPoint
from latency_predictors.correction import Correction
from latency_predictors.device import host_device
from latency_predictors.error_report import form_errors
from latency_predictors.few_shot import FewShotPoint, FewShotPredictor
from latency_predictors.few_shot_fitting import fit_few_shot
from latency_predictors.filling import with_unsupported
from latency_predictors.latency_metric import PLAIN, LatencyMetric
from latency_predictors.lookup_table import LookupTable, layer_key
from latency_predictors.measure import ENERGY_PROTOCOL, NETWORK_PROTOCOL, TAIL_PROTOCOL, sustained
from latency_predictors.network_design import design_networks
from latency_predictors.network_features import network_features
from latency_predictors.protocol import SessionResult
from latency_predictors.replay import Trace, replay
from latency_predictors.shared_table import packed, share
from latency_predictors.spread import SINGLE_SESSION_REL_SD, combine_sessions
from latency_predictors.table_entry import Unsupported
from search_spaces.base import option_values
from search_spaces.errors import ArtifactError, HwnasError, MeasurementError, UsageError
from search_spaces.layers import ConvNormAct
from search_spaces.sampling import as_architecture
from tests.latency_predictors.sessions import CONTEXT, DEVICE, session
from tests.unprivileged import unprivileged

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
    assert (found.provenance, found.started_at) == ("published", ""), "a day is no moment"
    exactly = TRACE.model_copy(update={"published_at": "2021-05-06T07:08:09+00:00"})
    assert replay(exactly, ["b" * 64], NETWORK_PROTOCOL).started_at == exactly.published_at
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


@pytest.mark.parametrize(
    "timing",
    [ENERGY_PROTOCOL, TAIL_PROTOCOL, sustained(NETWORK_PROTOCOL, 20.0)],
    ids=["energy", "p95", "long"],
)
def test_a_median_is_no_answer_to_what_else_is_asked(timing: Any) -> None:
    with pytest.raises(MeasurementError) as caught:
        replay(TRACE, ["a" * 64], timing)
    assert caught.value.code == "not_published"


def test_a_trace_is_a_file_that_reads_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "paper.json"
    path.write_text(TRACE.model_dump_json(), encoding="utf-8")
    assert json.loads(path.read_text(encoding="utf-8"))["format"] == "hwnas-trace"
    assert Trace.load(path) == TRACE


def test_the_trace_of_the_how_to_is_one(tmp_path: Path, repository: Path) -> None:
    page = (repository / "docs/how-to/share-tables.md").read_text(encoding="utf-8")
    example = page.split("```json\n")[1].split("```")[0].replace("DIGEST", "a" * 64)
    path = tmp_path / "paper.json"
    path.write_text(example, encoding="utf-8")
    trace = Trace.load(path)
    assert (trace.device.cpu_model, trace.latency_ms) == ("Raspberry Pi 5", {"a" * 64: 12.5})


def changed(**fields: object) -> bytes:
    """A trace with other fields; those that are None are not in it."""
    document = {**TRACE.model_dump(mode="json"), **fields}
    return json.dumps({name: value for name, value in document.items() if value is not None}).encode()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is no JSON"),
        (b"\x80\x04K\x01.", "it is no JSON"),
        (b"[" * 200_000, "it is no JSON"),
        (b"[]", '"format": "hwnas-trace"'),
        (changed(format=None), '"format": "hwnas-trace"'),
        (changed(version=2), "version"),
        (changed(source=""), "source"),
        (changed(device=None), "device"),
        (changed(latency_ms={}), "latency_ms"),
        (changed(latency_ms={"resnet": 1.0}), "latency_ms.resnet"),
        (changed(latency_ms={"a" * 64: 0.0}), "greater than or equal to 0.000001"),
        (changed(latency_ms={"a" * 64: float("nan")}), "latency_ms"),
        (changed(latency_ms={"a" * 64: float("inf")}), "latency_ms"),
        (changed(more=1), "more"),
    ],
)
def test_what_is_no_trace_is_named(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "paper.json"
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match="paper.json") as caught:
        Trace.load(path)
    assert caught.value.code == "no_trace"
    assert said in caught.value.message


@pytest.mark.parametrize("name", ["paper.json", "folder.paper.json", "file/paper.json"])
def test_a_file_that_is_not_there_is_named(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder.paper.json").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(HwnasError, match="paper.json") as caught:
        Trace.load(tmp_path / name)
    assert caught.value.code == "no_such_file"


@pytest.mark.parametrize("locked", ["the file", "its folder"])
def test_a_file_that_may_not_be_read_is_said(locked: str) -> None:
    with TemporaryDirectory(dir="/tmp") as folder:  # those of pytest are of one user
        path = Path(folder) / "paper.json"
        path.write_text(TRACE.model_dump_json(), encoding="utf-8")
        Path(folder).chmod(0o755 if locked == "the file" else 0)
        path.chmod(0)
        with unprivileged(), pytest.raises(UsageError, match=f"{path} may not be read") as caught:
            Trace.load(path)
        assert caught.value.code == "not_readable"
        Path(folder).chmod(0o700)


def point(digest: str, measured_ms: float, *, suspect: bool = False) -> CalibrationPoint:
    """A network of four layers."""
    return CalibrationPoint(
        digest=digest,
        sum_ms=1.0,
        num_layers=4,
        num_macs=1,
        measured_ms=measured_ms,
        rel_sd=0.0,
        suspect=suspect,
    )


def correction(metric: LatencyMetric, *points: CalibrationPoint) -> Correction:
    """A correction that changes nothing."""
    values: dict[str, Any] = {"a": 1.0, "level": 0.9, "half_width": 0.1, "hull": None, "floor_ms": 0.0}
    return Correction(terms=("a",), kind="table", points=points, metric=metric, **values)


def exported() -> LookupTable:
    """One layer in two sessions, one that cannot be run, networks of two metrics, one of them in doubt."""
    key, deaf = layer_key(LAYER), replace(LAYER, out_channels=16)
    table = LookupTable(device=DEVICE, context=CONTEXT).merged(
        [LAYER], [session("s1", {key: 0.1}), session("s22", {key: 0.12})]
    )
    table = with_unsupported(table, {deaf: Unsupported(code="file_not_loadable", message="no such operator")})
    plain = correction(PLAIN, point("a" * 64, 2.5), point("b" * 64, 3.5, suspect=True))
    tail = correction(LatencyMetric("p95"), point("a" * 64, 9.0), point("c" * 64, 9.5))
    return table.with_correction("space", plain).with_correction("tails", tail)


def test_an_exported_table_is_a_trace_of_its_layers_and_whole_networks(tmp_path: Path) -> None:
    shared = share(exported(), exported_by="Ann", tool="hwnas 0.1.0")
    trace = Trace.of(shared)
    assert trace.latency_ms == {layer_key(LAYER): pytest.approx(0.11), "a" * 64: 2.5}
    assert (trace.device, trace.context) == (DEVICE, CONTEXT)
    assert trace.published_at == shared.provenance.exported_at
    assert "by Ann with hwnas 0.1.0" in trace.source
    path = tmp_path / "pi5.json"
    path.write_bytes(packed(shared))
    assert Trace.load(path) == trace


def test_a_damaged_table_and_an_empty_one_are_no_traces(tmp_path: Path) -> None:
    path = tmp_path / "pi5.json"
    whole = packed(share(exported(), exported_by="Ann", tool="hwnas 0.1.0"))
    nothing = packed(share(LookupTable(device=DEVICE, context=CONTEXT), exported_by="", tool="hwnas 0.1.0"))
    for content, code in ((whole.replace(b"0.12", b"0.13"), "shared_table_damaged"), (nothing, "no_trace")):
        path.write_bytes(content)
        with pytest.raises(ArtifactError, match="pi5.json") as caught:
            Trace.load(path)
        assert caught.value.code == code


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

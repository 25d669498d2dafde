"""Whatever stands in the place of any field of a shared table: it is refused, or everything works with it."""

import hashlib
import io
import json
import math
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError
from rich.console import Console

from api.calibrations import calibration_of
from api.devices import list_tables
from api.predicted_networks import predicted_networks
from hwnas import run
from latency_predictors.calibration import calibrate, calibration_point
from latency_predictors.correction import Correction, Hull
from latency_predictors.device import Device, ExecutionContext
from latency_predictors.filling import filled, with_unsupported
from latency_predictors.latency_metric import LatencyMetric
from latency_predictors.lookup_table import LookupTable, layer_key, share_key
from latency_predictors.predictor import CostPredictor
from latency_predictors.probes import RuntimeGraph
from latency_predictors.replay import Trace
from latency_predictors.shared_table import SharedTable, packed, share, unpacked
from latency_predictors.table_entry import Unsupported
from nas.pipeline.sites import Site
from nas.settings import Settings
from search_spaces.base import architecture_digest, space_digest
from search_spaces.catalogue import get_space
from search_spaces.errors import ArtifactError, HwnasError
from search_spaces.layers import ConvNormAct
from search_spaces.network import layers
from search_spaces.sampling import as_architecture, random_architectures
from search_spaces.signatures import layer_of
from search_spaces.slot_tables import distinct_layers
from tests.latency_predictors.hostile import TOO_LARGE, Place, changed, sample, written
from tests.latency_predictors.sessions import CONTEXT, DEVICE, session

SPACE: Final = get_space("nas_bench_201", preset="tiny", num_classes=10, in_channels=3)
ARCHS: Final = random_architectures(SPACE, 8, np.random.default_rng(0))
CODES: Final = ("no_shared_table", "shared_table_damaged")
SHARE: Final = 4
"""Of all fields with all values one of so many is tried: all of them take ten seconds."""


def correction(table: LookupTable) -> Correction:
    """With every field that one can have."""
    points = []
    for row in ARCHS:
        arch = as_architecture(row)
        specs = layers(SPACE, arch)
        measured_ms = 0.9 * float(table.costs_ms(specs).sum()) + 0.02
        point = calibration_point(
            table,
            specs,
            digest=architecture_digest(SPACE, arch),
            measured_ms=measured_ms,
            rel_sd=0.01,
            predicted_ms=(0.9 * measured_ms, 1.1 * measured_ms),
            architecture=arch,
        ).found_in(("s1",), "2026-01-01T00:00:02+00:00")
        points.append(point.model_copy(update={"kernels": {"conv": 3}}))
    keys = [share_key(spec) for spec in distinct_layers(SPACE)]
    sums = [point.sum_ms for point in points]
    hull = Hull(
        min_sum_ms=min(sums),
        max_sum_ms=max(sums),
        min_layers=min(point.num_layers for point in points),
        max_layers=max(point.num_layers for point in points),
        seldom_spread=0.01,
        boundary_mib=(0.01, 1.0),
        touched_mib=(0.01, 1.0),
        giga_macs=(1e-4, 1e-2),
    )
    update = {
        "b": 0.01,
        "c": 0.001,
        "d": 0.001,
        "e": 0.01,
        "f": 0.01,
        "cache_mib": 0.1,
        "shares": dict.fromkeys(keys[:3], 0.05),
        "share_sd": 0.05,
        "seldom": tuple(keys[:1]),
        "hull": hull,
    }
    return calibrate(points).model_copy(update=update)


@cache
def sound_document() -> Any:
    """The same as JSON."""
    return sound().model_dump(mode="json")


@cache
def sound() -> SharedTable:
    """A table with every field that one can have."""
    specs = distinct_layers(SPACE)
    costs = {layer_key(spec): 0.01 + 0.001 * number for number, spec in enumerate(specs)}
    table = LookupTable(device=DEVICE, context=CONTEXT).merged(
        specs, [session("s1", costs), session("s22", costs), session("s333", costs)]
    )
    deaf = ConvNormAct((3, 8, 8), 32, 3, 1, "relu")
    table = with_unsupported(table, {deaf: Unsupported(code="file_not_loadable", message="no operator")})
    graph = RuntimeGraph(
        drops_dead_branches=True,
        skips_zeros=True,
        fuses_norm_and_activation=True,
        probes_ms={"chain": 0.1},
    )
    table = table.model_copy(update={"graph": graph})
    fitted = correction(table)
    paced = LatencyMetric("p95", 20.0)
    table = table.with_correction(space_digest(SPACE), fitted).with_correction(
        paced.correction_key(space_digest(SPACE)), calibrate(()).model_copy(update={"metric": paced})
    )
    return share(table, exported_by="Ann", tool="hwnas 0.1.0")


def forged(place: Place, value: Any) -> bytes:
    """A file with something else in one place, and with digests that are right again."""
    shared = changed(sound_document(), place, value)
    table = shared.get("table")
    if place[:2] == ("table", "entries") and place[3:] == ("signature",) and isinstance(value, str):
        table["entries"][hashlib.sha256(value.encode()).hexdigest()] = table["entries"].pop(place[2])
    one = place[1] if place[0] == "table" and len(place) > 1 else ""
    with suppress(ValidationError, ValueError):
        if one == "device":
            shared["provenance"]["device_digest"] = TypeAdapter(Device).validate_python(table[one]).digest
        if one == "context":
            context = TypeAdapter(ExecutionContext).validate_python(table[one])
            shared["provenance"]["context_digest"] = context.digest
    return in_a_file(shared)


def in_a_file(shared: Any) -> bytes:
    """The file of a document, which need not be JSON."""
    content = written(shared)
    text = json.dumps(shared, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).hexdigest()
    return b'{"sha256":"%s","shared":%s}' % (digest.encode(), content)


def check_usable(shared: SharedTable) -> None:
    """Do all that is done with a table that was imported."""
    table, specs = shared.table, distinct_layers(SPACE)
    assert sum(table.states.values()) == len(table.entries)
    assert math.isfinite(table.median_rel_sd)
    assert len(table.due(specs, datetime.now(UTC))) <= len(specs)
    assert unpacked(packed(shared), "again.json") == shared
    console = Console(file=io.StringIO(), width=100)
    for key, one in table.corrections.items():
        console.print(calibration_of(key, one))
    for entry in table.entries.values():
        layer_of(entry.signature)
    known = table.corrections.get(space_digest(SPACE), calibrate(()))
    if not table.missing(specs):
        check_predicts(table, CostPredictor(SPACE, table, known))
    check_predicts(table, CostPredictor(SPACE, filled(table, specs), known, filled=True))
    Trace.of(shared)


def check_predicts(table: LookupTable, predictor: CostPredictor) -> None:
    """Every figure is finite; a lower end is 0 where the runtime may skip all that takes time."""
    costs = predictor.predict(ARCHS)
    assert np.isfinite([costs.point, costs.lower, costs.upper]).all()
    assert (costs.point > 0).all()
    assert (costs.lower >= 0).all()
    assert len(predicted_networks(SPACE, ARCHS, costs, Site.of(table))) == len(ARCHS)


def refused(content: bytes) -> str:
    """Why a file is refused, in one line with one of two codes; empty where it is not."""
    found = read(content)
    if isinstance(found, SharedTable):
        with suppress(HwnasError):  # fewer layers, for example, than a prediction needs
            check_usable(found)
        return ""
    assert found.code in CODES
    assert len(found.message) < 500
    assert found.message.isprintable()
    return found.message


def read(content: bytes) -> SharedTable | ArtifactError:
    """What stands in a file, or why it is refused."""
    try:
        return unpacked(content, "mine.json")
    except ArtifactError as error:
        return error


def test_the_table_that_is_forged_is_sound() -> None:
    assert refused(in_a_file(sound_document())) == ""
    check_usable(sound())


@pytest.mark.filterwarnings("error")
def test_whatever_a_field_says_it_is_refused_or_everything_works() -> None:
    files = [refused(forged(place, value)) for place, value in sample(sound_document(), SHARE)]
    assert len(files) > 700
    assert 0.8 * len(files) < sum(map(bool, files)) < len(files)


@pytest.mark.parametrize("content", ["deep", "a long text", "a long name"])
def test_what_is_too_much_is_refused_or_everything_works(content: str) -> None:
    deep: Any = []
    for _ in range(200):
        deep = [deep]
    place: Place = ("provenance", "exported_by")
    if content == "deep":
        assert "nested too deeply" in refused(forged(place, deep))
        assert refused(in_a_file(sound_document()).replace(b'"Ann"', b"[" * 990 + b"]" * 990))
    elif content == "a long text":
        assert refused(forged(place, "x" * 10_000_000)) == ""
    else:
        assert "x: Extra" in refused(forged(("table", "x" * 10_000_000), 1))
        assert "x is -1" in refused(forged(("table", "reference_ms", "x\n" * 5_000_000 + "x"), -1))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("provenance.exported_at", "yesterday"),
        ("provenance.sessions.0.started_at", "2026-01-01T00:00:01"),
        ("table.reference_ms.anchor", 0.0),
        ("table.context.batch", 0),
        ("table.context.precision", "int1"),
        ("table.entries.*.median_ms", math.nan),
        ("table.entries.*.median_ms", math.inf),
        ("table.entries.*.median_ms", TOO_LARGE),
        ("table.entries.*.median_ms", 1e300),
        ("table.entries.*.rel_sd", -0.1),
        ("table.entries.*.signature", "no layer"),
        ("table.entries.*.values.0.measured_at", "2026-01-01T00:00:01"),
        ("table.entries.*.values.0.measured_at", "yesterday"),
        ("table.corrections.*.a", -1.0),
        ("table.corrections.*.b", math.nan),
        ("table.corrections.*.half_width", -0.1),
        ("table.corrections.*.level", 1.0),
        ("table.corrections.*.level", 0.0),
        ("table.corrections.*.floor_ms", 0.0),
        ("table.corrections.*.created_at", "yesterday"),
        ("table.corrections.*.hull.min_sum_ms", 1e3),
        ("table.corrections.*.hull.max_layers", 2**70),
        ("table.corrections.*.hull.touched_mib", [2.0, 1.0]),
        ("table.corrections.*.points.0.measured_ms", 0.0),
        ("table.corrections.*.points.0.predicted_ms", [2.0, 1.0]),
        ("table.corrections.*.points.0.measured_at", "yesterday"),
        ("table.corrections.*.report.coverage", 2.0),
        ("table.graph.probes_ms.chain", -1.0),
    ],
)
def test_the_field_is_named_and_nothing_is_stored(
    place: str,
    value: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HWNAS_HOME", str(tmp_path / "here"))
    keys = place.split(".")
    where = [key if key != "*" else next(iter(inside(keys[:i]))) for i, key in enumerate(keys)]
    path = tmp_path / "pi5.json"
    path.write_bytes(forged(tuple(int(key) if key.isdigit() else key for key in where), value))
    assert run(["tables", "import", str(path)]) == 1
    told = capsys.readouterr().err
    assert told.startswith("error[shared_table_damaged]: pi5.json is damaged, ")
    assert keys[-1] in told
    assert told.count("\n") == 1
    assert list_tables(Settings(home=tmp_path / "here")).tables == ()


def inside(keys: Sequence[str]) -> Any:
    """What the sound document has in a place, where `*` is the first of several."""
    found = sound_document()
    for key in keys:
        found = found[next(iter(found)) if key == "*" else key]
    return found

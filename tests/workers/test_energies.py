"""Energies of networks: of a real one, and of those on a device that follows a script."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest

import workers.energies
from hwnas import run
from latency_predictors.anchors import default_anchors
from latency_predictors.device import ExecutionContext, host_context
from latency_predictors.energy import EnergyFigure
from latency_predictors.energy_sessions import SessionsEnergy
from latency_predictors.fake_device import ANCHORS, FakeDevice, Script
from latency_predictors.gate import GateRules
from latency_predictors.measure import TimingProtocol
from latency_predictors.meters import Absent, Meter, Reading
from latency_predictors.protocol import SessionRequest, SessionResult, Subject
from latency_predictors.runtimes.onnxruntime import OnnxRuntime
from latency_predictors.series import run_series
from latency_predictors.spread import combine_sessions
from nas.settings import Settings
from search_spaces.errors import MeasurementError, UsageError
from tests.latency_predictors.sessions import CONTEXT, session
from workers.energies import Ran, chosen_meter, measure_energies, summed_up

NETWORK = default_anchors("onnx")[0].path
WATTS = 4.0
METERED = Script(noise=0.001, outlier_share=0.0, watts=6.0, idle_watts=2.0)
UNMETERED = replace(METERED, watts=0.0)


def meter(scope: str) -> Meter:
    """A meter of that scope."""
    return Meter(f"a {scope}", scope, "power_w", 1e-3, 0.01, None, lambda: Reading(1.0))  # type: ignore[arg-type]


def seen(gross_mj: float, watts: float = WATTS) -> SessionsEnergy:
    """What a meter saw."""
    gross = EnergyFigure(gross_mj, 0.9 * gross_mj, 1.1 * gross_mj, "measured", "wall")
    net = EnergyFigure(gross_mj / 2, gross_mj / 3, gross_mj, "measured", "wall")
    return SessionsEnergy(gross, net, watts, 0.01, "plug")


def ran(
    name: str, ms: float, energy: SessionsEnergy | MeasurementError, context: ExecutionContext = CONTEXT
) -> Ran:
    """A network that ran in two sessions which agree."""
    sessions = [session(f"{name}{number}", {name: ms}) for number in (1, 2)]
    return Ran(Path(name), context, combine_sessions(sessions)[name], energy)


def networks(folder: Path, script: Script, **latencies_ms: float) -> tuple[list[Path], FakeDevice]:
    """Files, and a device where each takes so many milliseconds."""
    paths = [folder / f"{name}.onnx" for name in latencies_ms]
    for path in paths:
        path.write_bytes(NETWORK.read_bytes())
    return paths, FakeDevice(dict(zip(map(str, paths), latencies_ms.values(), strict=True)), script)


def serve(patch: pytest.MonkeyPatch, device: FakeDevice) -> list[dict[str, Any]]:
    """Have a device in this machine's place, with its meter; return how sessions are asked for."""
    asked = []

    def sessions(
        subjects: Sequence[Subject], context: ExecutionContext, timing: TimingProtocol, **how: Any
    ) -> Iterator[SessionResult]:
        asked.append(how)
        request = SessionRequest(
            context=context,
            timing=timing,
            subjects=tuple(subjects),
            anchors=tuple(Subject(digest=name, path=Path(name)) for name in ANCHORS),
            reference_ms=how["reference_ms"],
            seed=0,
        )
        return run_series(request, device)

    patch.setattr(workers.energies, "run_sessions", sessions)
    patch.setattr(workers.energies, "find_meters", lambda: [device.meter] if device.script.watts else [])
    return asked


@pytest.fixture
def growing(tmp_path: Path) -> Iterator[Path]:
    """A file to which a meter writes a line every 10 ms."""
    path, done = tmp_path / "plug.csv", threading.Event()
    start = time.time()
    path.write_text(f"timestamp,watts\n{start - 0.02},{WATTS}\n{start - 0.01},{WATTS}\n")

    def write() -> None:
        while not done.wait(0.01):
            with path.open("a") as stream:
                stream.write(f"{time.time()},{WATTS}\n")

    writer = threading.Thread(target=write)
    writer.start()
    yield path
    done.set()
    writer.join()


def not_here(*_: object) -> None:
    """Stand where a file would be loaded in this process."""
    raise AssertionError("a file of the user's ran in the process of the command")


def test_a_meter_of_ones_own_is_read_while_networks_run(
    growing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OnnxRuntime, "prepare", not_here)
    found = measure_energies([NETWORK], growing, Settings(watts_per_core=99.0, when_busy="ignore"))
    (line,) = found.lines
    assert line.gross_mj.kind == "measured"
    # Four watts, whatever runs: the energy is four times the milliseconds, and nothing is above idle. Windows
    # have all runs in them, also those that other work slows down, many times over; latency has the others.
    assert 0.6 < line.gross_mj.value / (WATTS * line.latency_ms.value) < 40.0
    assert line.net_mj is not None
    assert line.net_mj.value == pytest.approx(0.0, abs=0.01 * line.gross_mj.value)
    assert "plug.csv (wall" in found.source
    assert found.correlation is None


def test_without_a_meter_energy_is_assumed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(OnnxRuntime, "prepare", not_here)
    monkeypatch.setattr(workers.energies, "find_meters", lambda: [Absent("rapl", "none"), meter("gpu")])
    monkeypatch.setenv("HWNAS_WATTS_PER_CORE", "8")
    assert run(["devices", "energy", str(NETWORK), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (line,) = found["lines"]
    assert line["gross_mj"]["kind"] == "assumed"
    assert line["gross_mj"]["value"] == pytest.approx(8 * line["latency_ms"]["value"])
    assert line["net_mj"] is None
    assert found["source"] == "assumed, there is no meter: 8 W"
    assert found["context"] == host_context().label


@pytest.mark.parametrize(("script", "num_processes"), [(UNMETERED, 2), (METERED, 4)])
def test_what_is_called_measured_comes_from_two_fresh_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: Script, num_processes: int
) -> None:
    paths, device = networks(tmp_path, script, a=2.0, b=5.0)
    serve(monkeypatch, device)
    # A file that is named twice is measured once.
    found = measure_energies([*paths, paths[0]], None, Settings())
    first, second, again = found.lines
    assert found.correlation is None, "two networks say nothing of ranks"
    assert device.num_processes == num_processes
    assert (first.file, second.file, again) == ("a.onnx", "b.onnx", first)
    for line, ms in ((first, 2.0), (second, 5.0)):
        assert line.latency_ms.kind == "measured"
        assert line.latency_ms.value == pytest.approx(ms, rel=0.01)
        assert line.latency_ms.lower < line.latency_ms.value < line.latency_ms.upper
        assert line.note == ""
        if script.watts:
            assert line.gross_mj.kind == "measured"
            assert line.gross_mj.value == pytest.approx(6.0 * ms, rel=0.02)
            assert line.net_mj is not None
            assert line.net_mj.value == pytest.approx(4.0 * ms, rel=0.02)


@pytest.mark.parametrize(
    ("scripted", "code"),
    [
        (lambda file: Script(deadly=frozenset({file})), "unsupported_subject"),
        (lambda file: Script(broken=frozenset({file})), "file_not_loadable"),
        (lambda _: Script(hang_share=1.0), "session_died"),
        (lambda _: Script(jumps=tuple((float(at), 2.0) for at in range(1, 60))), "clock_jumped"),
    ],
)
def test_what_goes_wrong_is_the_error_that_it_is_elsewhere(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    scripted: Callable[[str], Script],
    code: str,
) -> None:
    (path,), device = networks(tmp_path, scripted(str(tmp_path / "a.onnx")), a=2.0)
    serve(monkeypatch, device)
    assert run(["devices", "energy", str(path), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == code


def test_what_is_measured_beside_other_work_is_said_to_be_suspect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths, device = networks(tmp_path, replace(UNMETERED, busy=1.0), a=2.0)
    serve(monkeypatch, device)
    (line,) = measure_energies(paths, None, Settings()).lines
    assert line.note.startswith("a.onnx: other work kept 1 processors of")


def test_sessions_that_contradict_each_other_are_said_to_be_suspect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The anchors feel that the device is slower and faster, the file does not.
    felt = {str(tmp_path / "a.onnx"): 0.0}
    script = replace(UNMETERED, session_factors=(1.0, 1.18, 0.87), felt=felt)
    paths, device = networks(tmp_path, script, a=2.0)
    serve(monkeypatch, device)
    (line,) = measure_energies(paths, None, Settings()).lines
    assert line.note == "a.onnx: suspect, its sessions differ or were disturbed: measure again"


@pytest.mark.parametrize(
    ("when_busy", "gate", "repeat"),
    [("measure", GateRules(), True), ("refuse", GateRules(strict=True), True), ("ignore", None, False)],
)
def test_the_setting_tells_what_happens_on_a_busy_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when_busy: Any, gate: GateRules | None, repeat: bool
) -> None:
    paths, device = networks(tmp_path, UNMETERED, a=2.0)
    asked = serve(monkeypatch, device)
    measure_energies(paths, None, Settings(when_busy=when_busy))
    (how,) = asked
    assert (how["gate"], how["repeat"]) == (gate, repeat)


def test_where_the_meter_stopped_the_power_of_the_others_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths, trial = networks(tmp_path, METERED, a=2.0, b=5.0)
    serve(monkeypatch, trial)
    measure_energies(paths[:1], None, Settings())
    script = replace(METERED, meter_stops_s=trial.busy_s + 1.0)
    serve(monkeypatch, FakeDevice(trial.truth_ms, script))
    first, second = measure_energies(paths, None, Settings(watts_per_core=99.0)).lines
    assert (first.gross_mj.kind, first.note) == ("measured", "")
    assert first.gross_mj.value == pytest.approx(6.0 * 2.0, rel=0.02)
    assert second.gross_mj.kind == "modelled"
    assert second.gross_mj.value == pytest.approx(6.0 * 5.0, rel=0.02)
    assert second.latency_ms.value == pytest.approx(5.0, rel=0.01)
    assert second.net_mj is None
    assert second.note.startswith("b.onnx: fake has shown")


def test_where_the_meter_saw_nothing_there_is_no_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths, device = networks(tmp_path, replace(METERED, meter_stops_s=0.0), a=2.0, b=5.0)
    serve(monkeypatch, device)
    with pytest.raises(MeasurementError) as caught:
        measure_energies(paths, None, Settings())
    assert caught.value.code == "meter_stopped"
    assert device.num_processes == 2, "nothing is timed that comes to nothing"


def test_a_file_is_measured_in_the_precision_that_it_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths, device = networks(tmp_path, UNMETERED, plain=2.0, quantised=3.0)
    model = onnx.load(paths[1])
    onnx.helper.set_model_props(model, {"precision": "int8"})
    onnx.save(model, paths[1])
    serve(monkeypatch, device)
    found = measure_energies(paths, None, Settings())
    assert found.context == f"{host_context().label}; {replace(host_context(), precision='int8').label}"
    assert [line.latency_ms.value for line in found.lines] == pytest.approx([2.0, 3.0], rel=0.01)


def test_the_power_of_networks_in_the_same_precision_is_taken_first() -> None:
    stopped, int8 = MeasurementError("meter_stopped", "plug"), replace(CONTEXT, precision="int8")
    measured = [ran("a", 2.0, seen(8.0, 4.0)), ran("b", 2.0, seen(6.0, 3.0), int8)]
    found = summed_up([*measured, ran("c", 1.0, stopped, int8)], meter("wall"), 99.0)
    assert found.lines[-1].gross_mj.value == pytest.approx(3.0)
    found = summed_up([*measured[:1], ran("c", 1.0, stopped, int8)], meter("wall"), 99.0)
    assert found.lines[-1].gross_mj.value == pytest.approx(4.0)


def test_what_sees_more_is_taken_first(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [meter("rail"), meter("gpu"), meter("package"), Absent("hwmon", "none"), meter("board")]
    monkeypatch.setattr(workers.energies, "find_meters", lambda: found)
    assert chosen_meter(None) is found[-1]


def test_the_log_of_the_settings_is_read_where_none_is_named(tmp_path: Path) -> None:
    paths, log = [tmp_path / "net.onnx"], tmp_path / "plug.csv"
    paths[0].write_bytes(NETWORK.read_bytes())
    log.write_text("seconds,volts\n", encoding="utf-8")
    with pytest.raises(MeasurementError) as caught:
        measure_energies(paths, None, Settings(meter_log=str(log)))
    assert caught.value.code == "bad_meter_log"


def test_a_log_that_does_not_grow_is_refused(tmp_path: Path) -> None:
    (tmp_path / "plug.csv").write_text("timestamp,watts\n1.00,4\n1.01,4\n")
    with pytest.raises(MeasurementError, match="start the meter that writes") as caught:
        chosen_meter(tmp_path / "plug.csv")
    assert caught.value.code == "meter_stopped"


def test_the_correlation_is_that_of_what_was_measured() -> None:
    stopped = MeasurementError("meter_stopped", "plug")
    measured = [ran(str(ms), float(ms), seen(4.0 * ms)) for ms in (1, 2, 3)]
    found = summed_up([*measured, ran("b", 9.0, stopped)], meter("wall"), 99.0)
    assert found.correlation == pytest.approx(1.0)


def test_a_file_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        measure_energies([tmp_path / "none.onnx"], None, Settings())
    assert caught.value.code == "no_such_file"

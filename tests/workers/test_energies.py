"""Energies of a real network; the meter is a file that grows, or scripted."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import workers.energies
from hwnas import run
from latency_predictors.anchors import default_anchors
from latency_predictors.energy import EnergyFigure, MeasuredEnergy
from latency_predictors.measure import Summary
from latency_predictors.meters import Absent, Meter, Reading
from search_spaces.errors import MeasurementError, UsageError
from tests.latency_predictors.sessions import summary
from workers.energies import Ran, chosen_meter, measure_energies, summed_up

NETWORK = default_anchors("onnx")[0].path
WATTS = 4.0


def meter(scope: str) -> Meter:
    """A meter of that scope."""
    return Meter(f"a {scope}", scope, "power_w", 1e-3, 0.01, None, lambda: Reading(1.0))  # type: ignore[arg-type]


def seen(gross_mj: float) -> MeasuredEnergy:
    """What a meter saw."""
    gross = EnergyFigure(gross_mj, 0.9 * gross_mj, 1.1 * gross_mj, "measured", "wall")
    net = EnergyFigure(gross_mj / 2, gross_mj / 3, gross_mj, "measured", "wall")
    return MeasuredEnergy(gross, net, WATTS, (1.0, 1.0), 2.0, "plug", 60)


def ran(name: str, latency: Summary, energy: MeasuredEnergy | MeasurementError | None) -> Ran:
    """A network that ran."""
    return Ran(Path(name), latency, energy)


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


@pytest.mark.alone
def test_a_meter_of_ones_own_is_read_while_networks_run(growing: Path) -> None:
    found = measure_energies([NETWORK], growing, 99.0)
    (line,) = found.lines
    assert (line.gross_mj.kind, line.note) == ("measured", "")
    # Four watts, whatever runs: the energy is four times the milliseconds, and nothing is above idle. Windows
    # have all runs in them, also those that a neighbour of the core slows down; latency has the others only.
    assert 0.6 < line.gross_mj.value / (WATTS * line.latency_ms.value) < 4.0
    assert line.net_mj is not None
    assert line.net_mj.value == pytest.approx(0.0, abs=0.01 * line.gross_mj.value)
    assert "plug.csv (wall" in found.source
    assert found.correlation is None


def test_without_a_meter_energy_is_assumed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(workers.energies, "find_meters", lambda: [Absent("rapl", "none"), meter("gpu")])
    monkeypatch.setenv("HWNAS_WATTS_PER_CORE", "8")
    assert run(["devices", "energy", str(NETWORK), "--json"]) == 0
    (line,) = json.loads(capsys.readouterr().out)["lines"]
    assert line["gross_mj"]["kind"] == "assumed"
    assert line["gross_mj"]["value"] == pytest.approx(8 * line["latency_ms"]["value"])
    assert line["net_mj"] is None
    assert run(["devices", "energy", str(NETWORK)]) == 0
    assert "assumed, there is no meter: 8 W" in capsys.readouterr().out


def test_what_sees_more_is_taken_first(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [meter("rail"), meter("gpu"), meter("package"), Absent("hwmon", "none"), meter("board")]
    monkeypatch.setattr(workers.energies, "find_meters", lambda: found)
    assert chosen_meter(None) is found[-1]


def test_a_log_that_does_not_grow_is_refused(tmp_path: Path) -> None:
    (tmp_path / "plug.csv").write_text("timestamp,watts\n1.00,4\n1.01,4\n")
    with pytest.raises(MeasurementError, match="start the meter that writes") as caught:
        chosen_meter(tmp_path / "plug.csv")
    assert caught.value.code == "meter_stopped"


def test_where_the_meter_stopped_the_power_of_the_others_is_taken() -> None:
    stopped = MeasurementError("meter_stopped", "plug has shown 4 for 0.5 s")
    networks = [ran("a", summary(2.0), seen(8.0)), ran("b", summary(3.0), stopped)]
    first, second = summed_up(networks, meter("wall"), 99.0).lines
    assert (first.gross_mj.value, first.gross_mj.kind) == (8.0, "measured")
    assert (second.gross_mj.value, second.gross_mj.kind) == (WATTS * 3.0, "modelled")
    assert second.net_mj is None
    assert second.note == "b: plug has shown 4 for 0.5 s"


def test_where_the_meter_saw_nothing_there_is_no_figure() -> None:
    stopped = MeasurementError("meter_stopped", "plug has shown 4 for 0.5 s")
    with pytest.raises(MeasurementError) as caught:
        summed_up([ran("a", summary(2.0), stopped)], meter("wall"), 99.0)
    assert caught.value is stopped


def test_the_correlation_is_that_of_what_was_measured() -> None:
    stopped = MeasurementError("meter_stopped", "plug has shown 4 for 0.5 s")
    networks = [ran(str(ms), summary(float(ms)), seen(4.0 * ms)) for ms in (1, 2, 3)]
    found = summed_up([*networks, ran("b", summary(9.0), stopped)], meter("wall"), 99.0)
    assert found.correlation == pytest.approx(1.0)


def test_a_file_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        measure_energies([tmp_path / "none.onnx"], None, 12.0)
    assert caught.value.code == "no_such_file"

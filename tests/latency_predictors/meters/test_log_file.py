from pathlib import Path

import pytest
from pydantic import TypeAdapter

from latency_predictors.meters.log_file import log_meter, read_log
from latency_predictors.meters.meter import Absent, Meter
from latency_predictors.meters.window import WindowRules, watch
from latency_predictors.wire_types import Text
from search_spaces.errors import MeasurementError
from tests.latency_predictors.meters.boards import FakeClock, never

LOG = "timestamp,watts\n1764126471.0,4.81\n1764126471.1,4.90\n1764126471.2,4.70\n"


def growing(folder: Path) -> tuple[Meter, Path]:
    """A meter that writes a file, and the file."""
    path = folder / "plug.csv"
    path.write_text(LOG)

    def write(seconds: float) -> None:
        path.write_text(LOG + "1764126471.3,6.25\n")

    found = log_meter(path, write)
    assert isinstance(found, Meter)
    return found, path


def test_the_last_complete_line_counts(tmp_path: Path) -> None:
    path = tmp_path / "plug.csv"
    path.write_text(LOG)

    def write(seconds: float) -> None:
        path.write_text(LOG + "1764126471.3,6.25\n1764126471.4,9")

    found = log_meter(path, write)
    assert isinstance(found, Meter)
    assert found.scope == "wall"
    assert found.update_s == pytest.approx(0.1)
    assert found.read() == (6.25, 1764126471.3)


def test_a_file_with_a_long_name_is_a_meter_that_sessions_can_name(tmp_path: Path) -> None:
    path = tmp_path / f"{'x' * 240}.csv"
    path.write_text(LOG)

    def write(seconds: float) -> None:
        path.write_text(LOG + "1764126471.3,6.25\n")

    found = log_meter(path, write)
    assert isinstance(found, Meter)
    assert TypeAdapter(Text).validate_python(found.name) == found.name


def test_a_new_line_is_an_update_though_the_power_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "plug.csv"
    path.write_text(LOG)

    def write(seconds: float) -> None:
        path.write_text(LOG + "1764126471.3,4.70\n")

    assert isinstance(log_meter(path, write), Meter)


SHORTENED = ["", "timestamp", "timestamp,watts\n", "timestamp,watts\r\n1764126471.3", "1764126471.3,6.2"]


@pytest.mark.parametrize("left", SHORTENED)
def test_a_file_without_a_complete_line_any_more_has_no_reading(tmp_path: Path, left: str) -> None:
    found, path = growing(tmp_path)
    path.write_text(left)
    with pytest.raises(ValueError, match="no complete line any more"):
        found.read()


@pytest.mark.parametrize("left", SHORTENED)
def test_a_file_that_is_emptied_in_a_window_is_a_meter_that_stopped(tmp_path: Path, left: str) -> None:
    found, path = growing(tmp_path)
    clock = FakeClock()

    def run_once() -> None:
        clock.wait(0.01)
        path.write_text(f"{LOG}{1764126472 + clock.seconds},6\n" if clock.seconds < 0.5 else left)

    with pytest.raises(MeasurementError, match="log/plug.csv cannot be read any more: the file") as caught:
        watch(run_once, found, clock, WindowRules())
    assert caught.value.code == "meter_stopped"
    assert clock.seconds == pytest.approx(0.5, abs=found.update_s), "it is told at the next look"


def test_a_file_that_is_emptied_before_it_is_seen_to_move_is_absent(tmp_path: Path) -> None:
    path = tmp_path / "plug.csv"
    path.write_text(LOG)

    def empty(seconds: float) -> None:
        path.write_text("")

    found = log_meter(path, empty)
    assert isinstance(found, Absent)
    assert "no complete line any more" in found.reason


def test_a_file_that_does_not_grow_is_absent(tmp_path: Path) -> None:
    (tmp_path / "plug.csv").write_text(LOG)
    assert isinstance(log_meter(tmp_path / "plug.csv", never), Absent)


def test_dates_are_read_too(tmp_path: Path) -> None:
    path = tmp_path / "plug.csv"
    path.write_text("timestamp,watts\n2025-11-26T03:07:51+00:00,4\n2025-11-26T03:07:52.500+00:00,5\n")
    first, second = read_log(path)
    assert second.stamp - first.stamp == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "does not begin with"),
        ("time,power\n1,2\n", "does not begin with"),
        ("timestamp,watts\n1,2\n2\n", "line 3: 2 values expected"),
        ("timestamp,watts\n1,-2\n", "line 2: -2 is no number of watts"),
        ("timestamp,watts\n1,nan\n", "line 2: nan is no number of watts"),
        ("timestamp,watts\nyesterday,2\n", "line 2"),
        ("timestamp,watts\n1,2\n", "two lines at least"),
        ("timestamp,watts\n2,2\n1,2\n", "each later than the one before"),
    ],
)
def test_a_bad_file_is_refused(tmp_path: Path, text: str, what: str) -> None:
    (tmp_path / "plug.csv").write_text(text)
    with pytest.raises(MeasurementError, match=what) as caught:
        log_meter(tmp_path / "plug.csv", never)
    assert caught.value.code == "bad_meter_log"


@pytest.mark.parametrize(("step_s", "taken"), [(10.05, True), (15.0, True), (15.1, False)])
def test_a_meter_that_writes_too_seldom_is_refused_at_once(
    tmp_path: Path, step_s: float, taken: bool
) -> None:
    path = tmp_path / "plug.csv"
    path.write_text(f"timestamp,watts\n0,4\n{step_s},5\n")

    def write(seconds: float) -> None:
        path.write_text(f"timestamp,watts\n0,4\n{step_s},5\n{2 * step_s},6\n")

    if taken:
        assert isinstance(log_meter(path, write), Meter)
        return
    with pytest.raises(MeasurementError, match="one every 15 s at least") as caught:
        log_meter(path, never)
    assert caught.value.code == "meter_too_slow"


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MeasurementError, match="cannot be read"):
        read_log(tmp_path / "none.csv")

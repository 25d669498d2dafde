"""The gate looks at a machine's load and heat, waits a little, then lets in, marks or refuses."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain, repeat
from pathlib import Path

import pytest

from latency_predictors.gate import (
    Gate,
    GateRules,
    HostSensors,
    Reading,
    busy_sentence,
    gate_rules,
    host_gate,
)
from latency_predictors.protocol import Conditions
from search_spaces.errors import MeasurementError
from tests.latency_predictors.sessions import session

RULES = GateRules(probe_s=0.5, patience_s=2.0, cooling_s=3.0)


@dataclass
class Machine:
    """Two processors; what each half second shows is scripted."""

    busy: Iterator[float]
    heat: Iterator[float | None]
    waited_s: float = 0.0
    busy_ticks: float = 0.0
    num_cpus: int = 2

    def wait(self, seconds: float) -> None:
        self.waited_s += seconds
        self.busy_ticks += next(self.busy) * 100 * seconds

    def read(self) -> Reading:
        return Reading(round(self.busy_ticks), round(self.waited_s * 200), next(self.heat), 7)


def machine(*busy: float, heat: Iterator[float | None] | None = None) -> Machine:
    """A machine whose last value stays."""
    return Machine(chain(busy, repeat(busy[-1])), heat or repeat(None))


def test_a_quiet_machine_is_looked_at_once() -> None:
    quiet = machine(0.1)
    seen = Gate(RULES, quiet, quiet.wait).settle()
    assert (seen.busy, seen.too_busy, seen.disturbed) == (0.1, False, False)
    assert quiet.waited_s == 0.5


def test_work_that_ends_soon_is_waited_for() -> None:
    soon = machine(1.0, 1.0, 0.0)
    assert not Gate(RULES, soon, soon.wait).settle().too_busy
    assert soon.waited_s == 1.5


def test_on_a_machine_that_stays_busy_all_is_suspect() -> None:
    busy = machine(1.3)
    seen = Gate(RULES, busy, busy.wait).settle()
    assert (seen.busy, seen.too_busy, seen.disturbed) == (1.3, True, True)
    assert busy.waited_s == 2.5


def test_patience_is_used_up_once_for_all_sessions() -> None:
    busy = machine(1.3)
    gate = Gate(RULES, busy, busy.wait)
    for _ in range(3):
        gate.settle()
    assert busy.waited_s == 2.0 + 3 * 0.5


def test_where_it_is_wanted_so_a_busy_machine_refuses_and_says_how_busy_it_is() -> None:
    busy = machine(1.3)
    with pytest.raises(MeasurementError, match="1.3 of 2 processors busy, at most 0.5") as caught:
        Gate(replace(RULES, strict=True), busy, busy.wait).settle()
    assert caught.value.code == "machine_busy"


def test_a_hot_processor_is_given_time_to_cool() -> None:
    cooling = machine(0.0, heat=chain([99.0, 95.0, 90.0], repeat(80.0)))
    assert Gate(RULES, cooling, cooling.wait).settle().temperature_c == 80.0
    assert cooling.waited_s == 1.5


def test_a_processor_that_stays_hot_is_not_measured() -> None:
    hot = machine(0.0, heat=repeat(95.0))
    with pytest.raises(MeasurementError, match="has 95 °C, at most 85") as caught:
        Gate(RULES, hot, hot.wait).settle()
    assert caught.value.code == "device_hot"
    assert hot.waited_s == 3.5


def written(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text + "\n")


def test_where_nothing_can_be_read_nothing_is_known_and_nobody_waits(tmp_path: Path) -> None:
    sensors = HostSensors(tmp_path)
    assert sensors.read() == Reading(None, 0, None, 0)
    waited: list[float] = []
    seen = Gate(GateRules(strict=True), sensors, waited.append).settle()
    assert (seen.busy, seen.too_busy, waited) == (None, False, [])


def test_the_kernel_tells_what_the_processors_did(tmp_path: Path) -> None:
    # user nice system idle iowait irq softirq steal guest guest_nice
    written(tmp_path, "proc/stat", "cpu  100 20 30 1000 50 1 2 7 90 0\ncpu0 1 1 1 1 1 1 1 1 1 1")
    found = HostSensors(tmp_path).read()
    assert (found.busy_ticks, found.all_ticks) == (160, 1210)


def test_the_hottest_sensor_of_the_processor_counts_and_no_other(tmp_path: Path) -> None:
    zones = {"thermal_zone0": ("x86_pkg_temp", "61000"), "thermal_zone1": ("iwlwifi_1", "95000")}
    for zone, (kind, temperature) in zones.items():
        written(tmp_path, f"sys/class/thermal/{zone}/type", kind)
        written(tmp_path, f"sys/class/thermal/{zone}/temp", temperature)
    assert HostSensors(tmp_path).read().temperature_c == 61.0
    written(tmp_path, "sys/class/hwmon/hwmon3/name", "k10temp")
    written(tmp_path, "sys/class/hwmon/hwmon3/temp1_input", "72500")
    written(tmp_path, "sys/class/hwmon/hwmon4/name", "nvme")
    written(tmp_path, "sys/class/hwmon/hwmon4/temp1_input", "99000")
    assert HostSensors(tmp_path).read().temperature_c == 72.5


def test_slowdowns_of_all_cores_are_counted(tmp_path: Path) -> None:
    for core, count in enumerate((3, 4)):
        path = f"sys/devices/system/cpu/cpu{core}/thermal_throttle/core_throttle_count"
        written(tmp_path, path, str(count))
    sensors = HostSensors(tmp_path)
    assert sensors.read().num_throttles == 7
    assert Gate(GateRules(), sensors, lambda seconds: None).num_throttles() == 7


def test_this_machine_answers() -> None:
    seen = host_gate(GateRules(probe_s=0.05, patience_s=0.0)).settle()
    assert seen.busy is None or seen.busy >= 0.0


@pytest.mark.parametrize(
    ("wanted", "rules"),
    [("ignore", None), ("measure", GateRules()), ("refuse", GateRules(strict=True))],
)
def test_what_is_done_on_a_busy_machine_is_the_users_choice(wanted: str, rules: GateRules | None) -> None:
    assert gate_rules(wanted) == rules


def test_what_was_measured_beside_other_work_is_said_with_the_load_seen() -> None:
    calm = session("s1", {"a": 1.0})
    busy = [
        calm.model_copy(update={"conditions": Conditions(busy=load, too_busy=True)}) for load in (1.3, 1.75)
    ]
    said = busy_sentence([calm, *busy])
    assert said.startswith("other work kept 1.75 processors of test processor")
    assert "suspect" in said
    assert "HWNAS_WHEN_BUSY=refuse" in said
    assert "(machine_busy)" in said
    assert busy_sentence([calm]) == busy_sentence([]) == ""

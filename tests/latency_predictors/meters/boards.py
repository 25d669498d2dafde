"""Files and programs of machines with meters, as documented and as recorded on some, and a fake clock."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from latency_predictors.clock import NS_PER_S

RECORDED = Path(__file__).parents[2] / "data" / "meters"
"""Readings of real machines; its README says whose."""

PMIC = """\
 3V7_WL_SW_A current(0)=0.09271880A
   3V3_SYS_A current(1)=0.08197110A
   1V8_SYS_A current(2)=0.17078690A
  DDR_VDD2_A current(3)=0.21470930A
  DDR_VDDQ_A current(4)=0.00000000A
  VDD_CORE_A current(7)=2.51342000A
      HDMI_A current(22)=0.02466420A
 3V7_WL_SW_V volt(8)=3.70000000V
   3V3_SYS_V volt(9)=3.30000000V
   1V8_SYS_V volt(10)=1.80000000V
  DDR_VDD2_V volt(11)=1.10000000V
  DDR_VDDQ_V volt(12)=0.60000000V
  VDD_CORE_V volt(15)=0.87000000V
      HDMI_V volt(23)=5.10000000V
     EXT5V_V volt(24)=5.10500000V
      BATT_V volt(25)=0.00000000V
"""
"""What a Raspberry Pi 5 prints; EXT5V and BATT have no current."""

RAPL = {
    "intel-rapl:0/name": "package-0",
    "intel-rapl:0/energy_uj": "172834550912",
    "intel-rapl:0/max_energy_range_uj": "262143328850",
    "intel-rapl:0:0/name": "core",
    "intel-rapl:0:0/energy_uj": "99",
    "intel-rapl:1/name": "psys",
    "intel-rapl:1/energy_uj": "77",
}
ORIN = {
    "hwmon3/name": "ina3221",
    "hwmon3/in1_label": "VDD_IN",
    "hwmon3/in1_input": "5000",
    "hwmon3/curr1_input": "1200",
    "hwmon3/in2_label": "VDD_CPU_GPU_CV",
    "hwmon3/in2_input": "5000",
    "hwmon3/curr2_input": "400",
    "hwmon3/in7_label": "sum of shunt voltages",
    "hwmon3/in7_input": "3",
}
AGX_ORIN = {
    "hwmon4/name": "ina3221",
    "hwmon4/in1_label": "VDD_GPU_SOC",
    "hwmon4/in1_input": "19000",
    "hwmon4/curr1_input": "160",
    "hwmon4/in2_label": "VDD_CPU_CV",
    "hwmon4/in2_input": "19000",
    "hwmon4/curr2_input": "40",
    "hwmon4/in3_label": "VIN_SYS_5V0",
    "hwmon4/in3_input": "5000",
    "hwmon4/curr3_input": "700",
}
LAPTOP = {"hwmon1/name": "BAT0", "hwmon1/power1_input": "31000000"}
"""Its battery is being charged."""
NANO = {
    "6-0040/iio:device0/rail_name_0": "POM_5V_IN",
    "6-0040/iio:device0/in_power0_input": "2250",
    "6-0040/iio:device0/rail_name_1": "POM_5V_GPU",
    "6-0040/iio:device0/in_power1_input": "40",
}
SERVER = {
    "hwmon0/name": "coretemp",
    "hwmon0/temp1_input": "41000",
    "hwmon1/name": "amd_energy",
    "hwmon1/energy1_label": "Ecore000",
    "hwmon1/energy1_input": "3000000",
    "hwmon1/energy2_label": "Esocket0",
    "hwmon1/energy2_input": "900000000",
    "hwmon2/name": "power_meter",
    "hwmon2/power1_average": "181000000",
    "hwmon2/update_interval": "50",
}


def board(root: Path, folder: str, files: dict[str, str]) -> Path:
    """Put files where a kernel has them, under another root."""
    for name, text in files.items():
        path = root / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return root


def recorded(name: str) -> dict[str, str]:
    """Files of a real machine with what stood in them."""
    lines = (line.rpartition(":") for line in (RECORDED / name).read_text().splitlines())
    return {file: content for file, _, content in lines}


def never(seconds: float) -> None:
    """A pause in which nothing happens."""


def counting(path: Path, step: int) -> Callable[[float], None]:
    """A pause in which the number in a file goes up."""

    def pause(seconds: float) -> None:
        path.write_text(f"{int(path.read_text()) + step}\n")

    return pause


@dataclass
class FakeClock:
    """A clock that only moves when something takes time."""

    now_ns: int = 0
    waits: list[float] = field(default_factory=list)

    def __call__(self) -> int:
        return self.now_ns

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.waits.append(seconds)
        self.now_ns += round(seconds * NS_PER_S)

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return self.now_ns / NS_PER_S

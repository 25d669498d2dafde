"""What was measured: the hardware (`Device`) and the way it ran networks (`ExecutionContext`)."""

import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from latency_predictors.power_mode import power_mode
from search_spaces.digests import sha256_json
from search_spaces.errors import MeasurementError

GraphOptimisation = Literal["none", "basic", "extended", "all"]
Layout = Literal["nchw", "nhwc"]
Mode = Literal["back_to_back", "paced"]

# Fields that came later are not hashed while they say what was always the case: what was measured before
# keeps its context (docs/decisions/0012-contexts-grow-without-losing-tables.md).
_CAME_LATER: dict[str, Any] = {"layout": "nchw", "pause_ms": 0.0, "power_mode": ""}

# Instruction sets by which runtimes choose their kernels. Virtual machines often hide the model's name,
# and two hosts with the same name may differ in these.
_X86_FEATURES = {"avx", "avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512vl", "avx512_vnni", "avx_vnni"}
_X86_FEATURES |= {"avx512_bf16", "avx512_fp16", "amx_tile", "amx_int8", "amx_bf16"}
_ARM_FEATURES = {"asimd", "asimdhp", "asimddp", "i8mm", "bf16", "sve", "sve2"}


@dataclass(frozen=True)
class Device:
    """Hardware facts of one unit.

    Attributes:
        cpu_model: Name of the processor.
        cpu_features: Instruction sets that runtimes choose kernels by, sorted.
        num_cores: Logical processors of the machine.
        memory_gib: Main memory, rounded to whole GiB (kernels reserve a little, differently each time).
        architecture: For example `x86_64`.
        os: For example `Linux`.
        registered: Identifier under which an installation has registered this unit; empty for the machine
            that a worker runs on. Two boards of one model have equal facts and are two devices.
    """

    cpu_model: str
    cpu_features: tuple[str, ...]
    num_cores: int
    memory_gib: int
    architecture: str
    os: str
    registered: str = ""

    @property
    def digest(self) -> str:
        """SHA-256 of the facts: the identity of the device."""
        return facts_digest(asdict(self))

    @property
    def label(self) -> str:
        """One line for people."""
        return (
            f"{self.cpu_model}, {self.num_cores} cores, {self.memory_gib} GiB, {self.os} {self.architecture}"
        )


@dataclass(frozen=True)
class ExecutionContext:
    """How a device runs a network. Another runtime version is another context.

    Attributes:
        runtime: Name in the catalogue of runtimes.
        runtime_version: Version the measurements belong to.
        precision: Arithmetic of the exported file.
        threads: Threads of one inference.
        batch: Images of one inference.
        affinity: Logical processors the measuring process is pinned to; () means as many as there are
            threads, the last ones the process may use (the first are the busiest with interrupts).
        graph_optimisation: Level of the runtime's graph compiler.
        layout: Order of the input's dimensions, as the file has it.
        pause_ms: Rest between two inferences; 0 where they follow each other. Processors that rest lower
            their clock and lose their caches, so calls with pauses are slower.
        power_mode: Governor and power profile, as far as the system tells; see `power_mode.power_mode`.
    """

    runtime: str
    runtime_version: str
    precision: str = "fp32"
    threads: int = 1
    batch: int = 1
    affinity: tuple[int, ...] = ()
    graph_optimisation: GraphOptimisation = "all"
    layout: Layout = "nchw"
    pause_ms: float = 0.0
    power_mode: str = ""

    @property
    def digest(self) -> str:
        """SHA-256 of all fields: the identity of the context."""
        fields = asdict(self).items()
        return sha256_json(dict(field for field in fields if field not in _CAME_LATER.items()))

    @property
    def mode(self) -> Mode:
        """Whether inferences follow each other or have pauses between them."""
        return "paced" if self.pause_ms else "back_to_back"

    @property
    def label(self) -> str:
        """One line for people."""
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        parts = [f"{self.runtime} {self.runtime_version}", self.precision, threads, f"batch {self.batch}"]
        parts += [f"pauses of {self.pause_ms:g} ms"] if self.pause_ms else []
        parts += [self.power_mode] if self.power_mode else []
        return ", ".join(parts)


def layer_ranges(precision: str) -> str:
    """Return what the ranges of lone layers in a precision are taken over, in words; empty for fp32.

    A network's ranges come from training images, a lone layer's do not: its time does not depend on them.
    """
    return "random inputs of a fixed seed" if precision == "int8" else ""


def facts_digest(facts: Mapping[str, Any]) -> str:
    """Return the digest of a device by its facts, as documents keep them."""
    # The identifier came later: what was measured before keeps its device.
    return sha256_json(dict(fact for fact in facts.items() if fact != ("registered", "")))


def host_context(runtime: str = "onnxruntime", *, threads: int = 1, batch: int = 1) -> ExecutionContext:
    """Return the context of a runtime as it is installed and powered here, without loading it.

    Raises:
        MeasurementError: `runtime_missing` where it is not installed.
    """
    try:
        installed = version(runtime)
    except PackageNotFoundError as error:
        raise MeasurementError(
            "runtime_missing", f"runtime '{runtime}' is not installed: pip install {runtime}"
        ) from error
    return ExecutionContext(runtime, installed, threads=threads, batch=batch, power_mode=power_mode())


def host_device() -> Device:
    """Return the facts of this machine."""
    cpuinfo = _cpuinfo()
    flags = cpuinfo.get("flags", cpuinfo.get("Features", "")).split()
    return Device(
        cpu_model=_cpu_model(cpuinfo),
        cpu_features=tuple(sorted((_X86_FEATURES | _ARM_FEATURES).intersection(flags))),
        num_cores=os.cpu_count() or 1,
        memory_gib=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        architecture=platform.machine(),
        os=platform.system(),
    )


def _cpuinfo() -> dict[str, str]:
    """Return the fields of the first processor and of the board in /proc/cpuinfo, if there is one."""
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return {}
    fields: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        name, colon, value = line.partition(":")
        if colon:
            fields.setdefault(name.strip(), value.strip())
    return fields


def _cpu_model(cpuinfo: dict[str, str]) -> str:
    # Boards say what they are in the device tree or under "Model"; PCs under "model name".
    board = Path("/proc/device-tree/model")
    if board.exists():
        return board.read_text(encoding="utf-8", errors="replace").strip("\0 \n")
    for field in ("model name", "Model", "Hardware"):
        if cpuinfo.get(field):
            return cpuinfo[field]
    if platform.system() == "Darwin":
        command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    return platform.processor() or platform.machine()

"""Section `light_base`: what an agent takes of a board: its installation, its start, its memory."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.figures import Figure, spread

ROOT = Path(__file__).resolve().parents[2]
UNWANTED = ("torch", "ray", "nas", "api", "scipy", "onnxruntime")
_LOADED = (
    "import json, sys, workers.agent_serving; from workers.agent_board import board_facts; "
    "board_facts(); lines = open('/proc/self/status').read().splitlines(); "
    "(used,) = [int(line.split()[1]) for line in lines if line.startswith('VmRSS')]; "
    "print(json.dumps([sorted(sys.modules), used]))"
)


def run(home: Path, quick: bool) -> list[Figure]:
    """Install the light base, and look at what an agent loads in it."""
    folder = home / "light_base"
    system, refuses = system_python()
    python = installed(folder)
    tools = ("pip", "setuptools", "pkg_resources", "_distutils_hack")
    (packages,) = (folder / "lib").glob("python*/site-packages")
    size = sum(
        path.stat().st_size
        for path in packages.rglob("*")
        if path.is_file() and not path.relative_to(packages).parts[0].startswith(tools)
    )
    starts, told = [], b""
    for _ in range(3 if quick else 10):
        began = time.perf_counter()
        done = subprocess.run([str(python), "-c", _LOADED], check=True, capture_output=True, cwd=home)
        starts.append(time.perf_counter() - began)
        told = done.stdout
    modules, kib = json.loads(told)
    by_pipx = with_pipx(home / "pipx", system)
    loaded = {name.split(".")[0] for name in modules}
    return [
        Figure("installed size", size / 1e6, "MB", "<=", 250, "without pip and setuptools"),
        Figure("ready to register", sorted(starts)[len(starts) // 2], "s", "<=", 1.5, spread(starts)),
        Figure("resident before a model is loaded", kib / 1024, "MiB", "<=", 120),
        Figure("unwanted modules", len(loaded & set(UNWANTED)), "", "<=", 0, ", ".join(UNWANTED)),
        Figure("plain pip is refused by its Python", float(refuses), "", ">=", 1, system),
        Figure("the agent starts from a virtual environment", float(starts_there(python)), "", ">=", 1),
        Figure("the agent starts as pipx installs it", float(starts_there(by_pipx)), "", ">=", 1),
    ]


def installed(folder: Path) -> Path:
    """Install the light base in an environment of its own, as the how-to has it; return its Python."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([system_python()[0], "-m", "venv", str(folder)], check=True)
    command = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", str(ROOT)]
    subprocess.run(command, check=True)
    return python


def with_pipx(folder: Path, system: str) -> Path:
    """Install the light base with pipx, as the how-to has it; return a program beside the command."""
    tools = folder / "tools" / "bin" / "python"
    if not tools.exists():
        subprocess.run([system, "-m", "venv", str(folder / "tools")], check=True)
        subprocess.run([str(tools), "-m", "pip", "install", "-q", "pipx"], check=True)
    own = {
        "PIPX_HOME": str(folder / "home"),
        "PIPX_BIN_DIR": str(folder / "bin"),
        "PIPX_MAN_DIR": str(folder / "man"),
    }
    command = [str(tools), "-m", "pipx", "install", "--force", "--python", system, str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, **own})
    return folder / "bin" / "python"


def starts_there(python: Path) -> bool:
    """Return whether the command `hwnas agent` stands beside a program, and starts."""
    command = [str(python.with_name("hwnas")), "agent", "--help"]
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return "--pair" in subprocess.run(command, check=False, capture_output=True, text=True, env=own).stdout


def system_python() -> tuple[str, bool]:
    """Return a Python that refuses plain pip, as Raspberry Pi OS has (PEP 668), and whether there is one."""
    for python in ("/usr/bin/python3", sys.executable):
        command = [python, "-m", "pip", "install", "--no-index", "--no-deps", "hwnas"]
        if Path(python).exists() and Path(sysconfig_of(python), "EXTERNALLY-MANAGED").exists():
            said = subprocess.run(command, check=False, capture_output=True, text=True).stderr
            return python, "externally-managed-environment" in said
    return sys.executable, False


def sysconfig_of(python: str) -> str:
    """Return where the standard library of a Python stands."""
    command = [python, "-c", "import sysconfig; print(sysconfig.get_path('stdlib'))"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

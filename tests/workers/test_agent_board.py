import os
import platform
import subprocess
import sysconfig
import tomllib
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from latency_predictors.agent_protocol import Registration
from latency_predictors.device import host_device
from latency_predictors.gate import Reading
from workers.agent_board import board_facts, default_name


class Blind:
    """A board that tells nothing of load and heat."""

    num_cpus = 1

    def read(self) -> Reading:
        return Reading(None, 0, None, 0)


def test_this_machine_can_register_as_it_is() -> None:
    own = {"name": default_name(), "instance": "0" * 32, "cache_bytes": 0, "clock_s": 0.0}
    told = Registration.model_validate({**board_facts(), **own})
    assert told.device == host_device()
    assert told.runtimes["onnxruntime"] == version("onnxruntime")
    assert "load" in told.sensors
    assert board_facts(Blind())["sensors"] == ()


@pytest.mark.parametrize(
    ("node", "name"),
    [("Pi5.local", "pi5"), ("my board", "my-board"), ("host", "board"), ("", "board"), ("-_x", "x")],
)
def test_a_machines_name_becomes_one_for_specifications(
    node: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "node", lambda: node)
    assert default_name() == name


def test_the_environment_of_the_how_to_takes_packages_where_plain_pip_is_refused(
    tmp_path: Path, repository: Path
) -> None:
    system = "/usr/bin/python3"
    marker = Path(f"/usr/lib/python{sysconfig.get_python_version()}/EXTERNALLY-MANAGED")
    if not (Path(system).exists() and marker.exists()):
        pytest.skip("this machine has no Python that refuses plain pip (PEP 668)")
    subprocess.run([system, "-m", "venv", "--without-pip", tmp_path / "hwnas"], check=True)

    wheel, command = _wheel(tmp_path, repository), tmp_path / "hwnas/bin/hwnas"

    def installed(*python: str | Path) -> subprocess.CompletedProcess[str]:
        words = ["--isolated", *python, "install", "--no-index", "--no-deps", "--disable-pip-version-check"]
        return subprocess.run(
            [system, "-m", "pip", *words, wheel], check=False, capture_output=True, text=True
        )

    assert "externally-managed-environment" in installed().stderr
    done = installed("--python", tmp_path / "hwnas/bin/python")
    assert (done.returncode, os.access(command, os.X_OK)) == (0, True), done.stderr


def _wheel(folder: Path, repository: Path) -> Path:
    """The command line alone as a wheel: a build would fetch what builds it."""
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    path, info = folder / "hwnas-1-py3-none-any.whl", "hwnas-1.dist-info"
    ((name, started),) = project["scripts"].items()
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.write(repository / "hwnas.py", "hwnas.py")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 1\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/entry_points.txt", f"[console_scripts]\n{name} = {started}\n")
        wheel.writestr(f"{info}/RECORD", "")
    return path

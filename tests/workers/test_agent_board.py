import platform
import subprocess
import sysconfig
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


def test_the_environment_of_the_how_to_takes_packages_where_plain_pip_is_refused(tmp_path: Path) -> None:
    system = "/usr/bin/python3"
    marker = Path(f"/usr/lib/python{sysconfig.get_python_version()}/EXTERNALLY-MANAGED")
    if not (Path(system).exists() and marker.exists()):
        pytest.skip("this machine has no Python that refuses plain pip (PEP 668)")
    subprocess.run([system, "-m", "venv", "--without-pip", tmp_path / "hwnas"], check=True)

    def refusal(*python: str | Path) -> str:
        command = [system, "-m", "pip", *python, "install", "--no-index", "--no-deps", "hwnas"]
        return subprocess.run(command, check=False, capture_output=True, text=True).stderr

    assert "externally-managed-environment" in refusal()
    assert "No matching distribution" in refusal("--python", tmp_path / "hwnas/bin/python"), "only the index"

import platform
from importlib.metadata import version

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

from pathlib import Path

import pytest

from nas.export.onnx import export_onnx
from search_spaces.catalogue import get_space
from tests.nas.export.networks import drawn, facts, settled

NAMES = (
    "plain",
    "pi|pe",
    "<b>bold</b>",
    "new\nline",
    "`code`",
    "日本",
    "a, b",
    "\x1b[31mred",
    "---",
    "# head",
)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported network whose classes have names that try to break out."""
    space = get_space("mobilenet_v3", preset="tiny", num_classes=10, in_channels=3)
    architecture = next(drawn(space, 1))
    path = tmp_path_factory.mktemp("model") / "scored.onnx"
    path.write_bytes(export_onnx(settled(space, architecture), facts(space, architecture, NAMES)))
    return path

"""Versions that stand beside results."""

import platform
from importlib.metadata import version

import numpy as np
import torch

from nas.pipeline.versions import versions


def test_versions_are_those_that_run() -> None:
    found = versions()
    assert found["numpy"] == np.__version__
    assert found["torch"] == torch.__version__
    assert found["python"] == platform.python_version()
    assert found["hwnas"] == version("hwnas")
    assert {"onnx", "onnxruntime"} <= set(found)

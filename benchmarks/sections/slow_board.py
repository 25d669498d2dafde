"""Section `slow_board`: a board as slow as a quarter of a core, measured for the ImageNet space by its agent.

First the answer from 20 whole networks, then the table of all layers at five resolutions, one context. No
supernet has a part in it: what a new device needs for its front on one that is there is measured here.

In the board's own environment every inference is run four times. A share of the processor's time would not
do: the kernel gives it in slices of milliseconds, and layers take microseconds.
"""

import json
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.figures import Figure
from benchmarks.sections.lab import hwnas, settings_of
from benchmarks.sections.light_base import installed
from benchmarks.sections.second_board import NAME, agent_apart, paired_service, until
from nas.settings import Settings

_SLOWER: Final = """

_once = OnnxExecutable.run_once


def _four_times(self):
    for _ in range(4):
        _once(self)


OnnxExecutable.run_once = _four_times
"""
NUM_NETWORKS: Final = 20
PACK: Final = 50
"""Files that one lease has at least, where so many wait."""


def run(home: Path, quick: bool) -> list[Figure]:
    """Profile the board both ways; `tiny` when quick."""
    folder = home / "slow_board"
    settings, python = settings_of(folder / "service"), installed(folder / "environment")
    _slow_down(python)
    with paired_service(settings) as code:
        words = ("--pair", code(), "--when-busy", "ignore")
        with agent_apart(python, folder / "board", *words) as said:
            until(lambda: f"registered as '{NAME}'" in said.read_text())
            few_s, few = _profiled(settings, quick, "--few-shot", str(NUM_NETWORKS))
            before = len(_packs(said))
            table_s, table = _profiled(settings, quick)
            packs = _packs(said)[before:]
    space = "tiny" if quick else "imagenet"
    rank = f"rank correlation {few['report']['fitted']['spearman']:.3f}"
    layers = f"{table['table']['num_layers']} layers, and whole networks to calibrate it"
    return [
        Figure(f"{space}: answer from {NUM_NETWORKS} networks", few_s / 60, "min", "<=", 3, rank),
        Figure(f"{space}: table", table_s / 60, "min", "<=", 25, layers),
        _packed(packs, int(table["table"]["num_layers"])),
    ]


def _slow_down(python: Path) -> None:
    """Have every inference take four times as long in an environment that was just installed."""
    (runtime,) = python.parent.parent.glob(
        "lib/python*/site-packages/latency_predictors/runtimes/onnxruntime.py"
    )
    runtime.write_text(runtime.read_text(encoding="utf-8") + _SLOWER, encoding="utf-8")


def _packed(packs: Sequence[int], num_layers: int) -> Figure:
    """Return how many of the layers came in packs that are as large as they are to be."""
    large = sum(size for size in packs if size >= PACK)
    told = f"packs of {', '.join(map(str, packs))} files"
    return Figure(f"layers leased in packs of {PACK} and more", large / num_layers, "", ">=", 0.9, told)


def _packs(said: Path) -> list[int]:
    """Return how many files each lease had, from what the agent has said."""
    return [int(found) for found in re.findall(r"measuring (\d+) files", said.read_text())]


def _profiled(settings: Settings, quick: bool, *more: str) -> tuple[float, dict[str, Any]]:
    """Return how long a profile took, in seconds, and what came of it."""
    whose = ("--device", NAME, "--space", "mobilenet_v3", "--preset", "tiny" if quick else "imagenet")
    classes = () if quick else ("--classes", "1000")
    began = time.perf_counter()
    told = hwnas(settings, "devices", "profile", *whose, *classes, *more, "--json")
    return time.perf_counter() - began, json.loads(told)

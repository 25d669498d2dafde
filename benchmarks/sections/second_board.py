"""Section `second_board`: this machine once more, as a board that somebody has just unpacked.

The board has an environment of its own with the light base alone, and namespaces of users, processes and
mounts of its own (`unshare`, of util-linux); nothing of the environment of this process reaches it. On it are
two commands: `pip install`, and `hwnas agent --pair` with the code that the service shows. The service has a
supernet already, from a search on its own machine.
"""

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
import yaml

from benchmarks.figures import Figure
from benchmarks.sections.lab import hwnas, last_result, settings_of
from benchmarks.sections.light_base import installed
from latency_predictors.golden import TOLERANCE
from nas.pipeline.sites import site_of
from nas.pipeline.tables import latest_table
from nas.results import SearchResult
from nas.settings import Settings
from nas.specs import ContextSpec
from nas.store.stores import opened_stores

NAME: Final = "second"
EPOCHS: Final = 30
"""Of the supernet: enough for networks that differ; what counts here is the measuring."""

_PATIENCE_S: Final = 120.0
_APART: Final = ("unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child")
_CODE: Final = re.compile(r"--pair (\S+)")


def run(home: Path, quick: bool) -> list[Figure]:
    """Pair a board, and search for it on the supernet that there is."""
    folder = home / "second_board"
    settings = settings_of(folder / "service")
    with paired_service(settings) as code:
        hwnas(settings, "search", str(_spec(folder, "host", 3 if quick else EPOCHS)), "--json")
        trained = time.perf_counter()
        python = installed(folder / "environment")
        ready = time.perf_counter()
        with agent_apart(python, folder / "board", "--pair", code()) as said:
            until(lambda: f"registered as '{NAME}'" in said.read_text())
            known = time.perf_counter()
            hwnas(settings, "search", str(_spec(folder, NAME, 3 if quick else EPOCHS)), "--json")
            found = time.perf_counter()
    parts = f"two commands there: installing {ready - trained:.0f} s, pairing {known - ready:.1f} s"
    return [
        Figure(
            "from nothing to a front that is verified on it", (found - trained) / 60, "min", "<=", 10, parts
        ),
        Figure(
            "front for a new device, tiny", (found - known) / 60, "min", "<=", 3, "all of it by its agent"
        ),
        *_result_figures(last_result(settings)),
        _beside_the_host(settings),
    ]


def _result_figures(result: SearchResult) -> list[Figure]:
    (target,) = result.targets
    delivered = {one.name for one in result.deliveries}
    scored = [network.board for network in target.networks if network.name in delivered]
    on_it = [one for one in scored if one is not None and one.accuracy.scored_on == "target"]
    measured = [network for network in target.front if network.latency.sessions]
    phases = ", ".join(f"{phase.name} {phase.seconds:.0f} s" for phase in result.phases)
    return [
        Figure("supernet reused", float(result.supernet.reused), "", ">=", 1, phases),
        Figure("verified points on its front", len(measured), "", ">=", 3, target.device_label),
        Figure("points that were measured elsewhere", len(target.front) - len(measured), "", "<=", 0),
        Figure("files delivered that were not scored on it", len(scored) - len(on_it), "", "<=", 0),
        Figure("registered as a device of its own", float(bool(target.device["registered"])), "", ">=", 1),
    ]


def _beside_the_host(settings: Settings) -> Figure:
    """Hold its table against the host's own: it is the same processor, so another protocol would show."""
    with opened_stores(settings) as stores:
        sites = (site_of(stores, settings.tenant, name, ContextSpec()) for name in ("host", NAME))
        mine, its = (latest_table(stores, site).entries for site in sites)
    common = sorted(mine.keys() & its.keys())
    ratios = np.array([its[key].median_ms / mine[key].median_ms for key in common])
    away = 100 * float(np.median(np.abs(ratios - 1)))
    detail = f"{len(common)} layers of {len(mine)}, median ratio {np.median(ratios):.3f}"
    return Figure(
        "its table beside the host's own: median difference", away, "%", "<=", 100 * TOLERANCE, detail
    )


def _spec(folder: Path, device: str, epochs: int) -> Path:
    path = folder / f"{device}.yaml"
    document = {
        "space": {"name": "mobilenet_v3", "preset": "tiny"},
        "dataset": {"name": "digits"},
        "targets": [{"device": device}],
        "supernet": {"recipe": "uniform", "epochs": epochs},
        "search": {"strategy": "nsga2", "objectives": ["accuracy", "latency_ms"], "evaluations": 20_000},
        "export": {"formats": ["onnx"], "points": 3},
    }
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


@contextmanager
def paired_service(settings: Settings) -> Iterator[Callable[[], str]]:
    """Serve boards, with a worker beside; yield what returns the code that is shown just then."""
    settings.home.mkdir(parents=True, exist_ok=True)
    words = ["serve", "--lan", "127.0.0.1", "--port", "0", "--worker"]
    command = [sys.executable, "-c", "import hwnas; hwnas.main()", *words]
    environment = {**os.environ, **settings.as_environment()}
    with logged(command, settings.home / "serve.log", environment, settings.home) as (process, said):
        until(lambda: bool(_CODE.search(said.read_text())))
        yield lambda: _CODE.findall(said.read_text())[-1]
        process.terminate()
        process.wait(_PATIENCE_S)


@contextmanager
def agent_apart(python: Path, folder: Path, *words: str) -> Iterator[Path]:
    """Run an agent in namespaces of its own, and nothing but a path in its environment; yield its log.

    Args:
        python: Of the environment that it is installed in.
        folder: Home of whoever runs it.
        words: Options of `hwnas agent`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = [*_APART, str(python.with_name("hwnas")), "agent", "--name", NAME, *words]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "LANG": "C.UTF-8"}
    with logged(command, folder / "agent.log", environment, folder) as (process, said):
        yield said
        process.kill()  # what it runs ends with it


@contextmanager
def logged(
    command: Sequence[str], log: Path, environment: dict[str, str], folder: Path
) -> Iterator[tuple["subprocess.Popen[bytes]", Path]]:
    """Run a command whose words go to a file while the body runs."""
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command, env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream
        )
    try:
        yield process, log
    finally:
        process.kill()
        process.wait()


def until(there: Callable[[], bool]) -> None:
    """Wait for something.

    Raises:
        TimeoutError: It does not come.
    """
    began = time.perf_counter()
    while not there():
        if time.perf_counter() - began > _PATIENCE_S:
            raise TimeoutError(f"it has not come within {_PATIENCE_S:g} s")
        threading.Event().wait(0.1)

"""What has to start at once, or on a small board, loads no framework and no package above its own."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.rules.sources import ROOT, imported_modules, package_files

FRAMEWORKS = {"torch", "sklearn", "ray", "optuna", "sqlalchemy", "fastapi"}


def module_name(path: Path) -> str:
    """The dotted name of a source file."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def loaded_by(*modules: str) -> set[str]:
    """Top-level names in sys.modules of a fresh interpreter after importing modules."""
    listing = "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    command = [sys.executable, "-c", f"import sys, {', '.join(modules)}; {listing}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def modules_under(*folders: str) -> list[str]:
    """Names of all modules whose path begins with one of the folders."""
    return [module_name(path) for path in package_files() if str(path).startswith(folders)]


def test_the_device_agents_part_loads_without_torch_and_nas() -> None:
    loaded = loaded_by(*modules_under("latency_predictors/"))
    assert loaded & (FRAMEWORKS | {"nas", "api", "workers", "onnx"}) == set()


def test_the_agent_loads_what_measuring_needs_and_nothing_else() -> None:
    agent = modules_under("workers/agent")
    assert "workers.agent_serving" in agent
    unwanted = FRAMEWORKS | {"nas", "api", "onnx", "onnxruntime", "scipy", "httpx", "pydantic_settings"}
    assert loaded_by("workers.commands", *agent) & unwanted == set()


def test_search_spaces_load_without_torch() -> None:
    pure = [name for name in modules_under("search_spaces/") if ".modules" not in name]
    assert loaded_by(*pure) & (FRAMEWORKS | {"latency_predictors", "nas", "onnxruntime"}) == set()


@pytest.mark.parametrize(
    "entry",
    ["api.commands", "api.service_commands", "workers.commands", "workers.agent_commands", "hwnas"],
)
def test_the_command_line_starts_without_frameworks(entry: str) -> None:
    assert loaded_by(entry) & (FRAMEWORKS | {"onnxruntime", "plotly"}) == set()


def test_whoever_asks_loads_nothing_that_trains() -> None:
    """The API has to start at once, and to answer from the database while a worker trains."""
    # Migrations are loaded by the program that runs them, never imported.
    modules = [name for name in modules_under("api/", "nas/store/") if ".migrations" not in name]
    loaded = loaded_by(*modules)
    assert loaded & (FRAMEWORKS - {"sqlalchemy", "fastapi"} | {"onnxruntime", "workers"}) == set()


def test_specifications_are_read_without_frameworks() -> None:
    assert loaded_by("nas.specs") & FRAMEWORKS == set()


def test_the_command_imports_no_group_before_it_is_called() -> None:
    roots = {name.split(".")[0] for name in imported_modules(Path("hwnas.py"))}
    assert roots & {"nas", "api", "workers"} == set()


def test_nobody_imports_the_command() -> None:
    users = [str(path) for path in package_files() if "hwnas" in imported_modules(path)]
    assert users == []

"""What is imported is declared, what is declared is imported, and everything is pinned."""

import re
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.rules.sources import PACKAGES, ROOT, imported_modules, package_files

# Where the name that is imported is not the name that is installed.
DISTRIBUTIONS = {"PIL": "pillow", "sklearn": "scikit-learn", "yaml": "pyyaml"}
LIGHT_PACKAGES = ("search_spaces", "latency_predictors")
# Runtimes beside the one of the base: an extra each, of the runtime's name, loaded where it is asked for.
OPTIONAL_RUNTIMES = ("openvino",)
# What is fitted on measurements is fitted where they are kept; scipy is half of the base's size.
FITTING = tuple(
    Path(f"latency_predictors/{name}.py")
    for name in ("few_shot_fitting", "fitting", "layer_shares", "leave_one_out")
)


@cache
def project() -> dict[str, Any]:
    """The `project` table of pyproject.toml."""
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return table


def declared(*extras: str) -> set[str]:
    """Canonical names of the base dependencies and those of the named extras."""
    lists = [project()["dependencies"], *(project()["optional-dependencies"][extra] for extra in extras)]
    return {canonicalize_name(Requirement(line).name) for requirements in lists for line in requirements}


def pins() -> dict[str, str]:
    """Name -> version of constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    found = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in found}


def third_party(paths: list[Path]) -> set[str]:
    """Canonical names of the distributions that files import."""
    own = {*PACKAGES, "hwnas", "benchmarks"}
    roots = {name.split(".")[0] for path in paths for name in imported_modules(path)}
    foreign = roots - own - set(sys.stdlib_module_names)
    return {canonicalize_name(DISTRIBUTIONS.get(name, name)) for name in foreign}


def test_what_is_imported_is_declared() -> None:
    assert sorted(third_party(list(package_files())) - declared("server", *OPTIONAL_RUNTIMES)) == []


def test_what_is_declared_is_imported() -> None:
    assert sorted(declared("server", *OPTIONAL_RUNTIMES) - third_party(list(package_files()))) == []


def test_measuring_needs_the_base_only() -> None:
    light = [
        path for path in package_files() if path.parts[0] in LIGHT_PACKAGES and "modules" not in path.parts
    ]
    light = [path for path in light if path not in FITTING]
    assert sorted(third_party(light) - declared()) == sorted(OPTIONAL_RUNTIMES)
    optional = [path for path in light if third_party([path]) & set(OPTIONAL_RUNTIMES)]
    assert optional == [Path(f"latency_predictors/runtimes/{name}.py") for name in OPTIONAL_RUNTIMES]


def test_the_command_starts_with_the_base_only() -> None:
    assert sorted(third_party([Path("hwnas.py")]) - declared()) == []


def test_ranges_in_pyproject_and_exact_pins_in_constraints() -> None:
    requirements = [Requirement(line) for line in project()["dependencies"]]
    for extra in project()["optional-dependencies"].values():
        requirements += [Requirement(line) for line in extra]
    for requirement in requirements:
        if requirement.name == "hwnas":
            continue
        assert "==" not in str(requirement.specifier), f"{requirement}: pins belong in constraints.txt"
        version = pins().get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name} has no pin in constraints.txt"
        assert requirement.specifier.contains(version, prereleases=True), (
            f"{requirement} excludes its pin {version}"
        )


def test_pins_are_plain_versions() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    wrong = [line for line in lines if not re.fullmatch(r"#.*|[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", line)]
    assert wrong == []


@pytest.mark.parametrize("table", ["dependencies", "optional-dependencies"])
def test_no_dependency_is_an_address(table: str) -> None:
    assert "://" not in str(project()[table])

"""The make targets bootstrap what they need, do nothing twice, and say what is missing."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.rules.sources import ROOT

TARGETS = ("help", "setup", "demo", "run", "check", "test")

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the files that the targets look at."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def make(folder: Path, *arguments: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run make in a folder, as a user would."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    if path is not None:
        environment["PATH"] = path
    return subprocess.run(
        [str(shutil.which("make")), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def fake(folder: Path, name: str, script: str) -> None:
    """Put an executable of our own into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def test_help_is_the_default_and_lists_every_target(checkout: Path) -> None:
    listed = re.findall(r"^  make (\w+)\s+\S", make(checkout).stdout, re.MULTILINE)
    assert set(TARGETS) <= set(listed)


def test_setup_does_nothing_twice(checkout: Path) -> None:
    fake(checkout / ".venv" / "bin", "python", 'echo "python $*" >> calls')
    assert make(checkout, "setup").returncode == 0
    calls = (checkout / "calls").read_text()
    assert "pip install" in calls
    assert make(checkout, "setup").returncode == 0
    assert (checkout / "calls").read_text() == calls


def test_changed_pins_are_installed(checkout: Path) -> None:
    fake(checkout / ".venv" / "bin", "python", 'echo "python $*" >> calls')
    make(checkout, "setup")
    before = (checkout / "calls").read_text()
    later = (checkout / ".venv" / ".installed").stat().st_mtime + 10
    os.utime(checkout / "constraints.txt", (later, later))
    make(checkout, "setup")
    assert (checkout / "calls").read_text().count("pip install") == before.count("pip install") + 1


def test_a_failed_install_is_not_taken_for_done(checkout: Path) -> None:
    fake(checkout / ".venv" / "bin", "python", 'case "$*" in *install*) exit 1;; esac')
    assert make(checkout, "setup").returncode != 0
    assert not (checkout / ".venv" / ".installed").exists()


def test_an_old_python_is_refused_with_the_fix(checkout: Path) -> None:
    for name in ("python3", "python", "python3.11", "python3.12", "python3.13", "python3.14"):
        fake(checkout / "bin", name, '[ "$1" = --version ] && echo "Python 3.9.2" || exit 1')
    refused = make(checkout, "setup", path=f"{checkout / 'bin'}:/bin")
    assert refused.returncode != 0
    assert "needs Python 3.11 or newer; found: Python 3.9.2" in refused.stderr
    assert "PYTHON=" in refused.stderr


def test_a_python_without_venv_is_named_with_the_fix(checkout: Path) -> None:
    fake(checkout / "bin", "mypython", 'case "$*" in *venv*) mkdir -p .venv; exit 1;; *) exit 0;; esac')
    refused = make(checkout, "setup", f"PYTHON={checkout / 'bin' / 'mypython'}")
    assert refused.returncode != 0
    assert "apt install python3-venv" in refused.stderr
    assert not (checkout / ".venv").exists()


def test_every_target_but_help_sets_up_first(checkout: Path) -> None:
    for target in TARGETS[1:]:
        assert "pip install" in make(checkout, "-n", target).stdout, target

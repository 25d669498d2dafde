"""Every command in the README and the guides exists, with the options that are shown."""

import os
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.rules.sources import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(?:sh|console|bash)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def commands(program: str) -> list[str]:
    """Every line of a shell block that calls a program, without prompt and remark."""
    lines = [
        line.removeprefix("$ ").split("  #")[0].strip()
        for page in PAGES
        for block in BLOCK.findall(page.read_text(encoding="utf-8"))
        for line in block.splitlines()
    ]
    return sorted({line for line in lines if line.split(" ")[0].split("/")[-1] == program})


@cache
def help_of(*words: str) -> tuple[int, str]:
    """Exit status and text of `hwnas words --help`."""
    done = subprocess.run(
        [sys.executable, "-c", "import hwnas; hwnas.main()", *words, "--help"],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize("line", commands("make"))
def test_make_targets_exist(line: str) -> None:
    targets = re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert {word for word in line.split()[1:] if "=" not in word} <= set(targets)


@pytest.mark.parametrize("line", commands("hwnas"))
def test_commands_exist_with_their_options(line: str) -> None:
    words = shlex.split(line)[1:]
    path: list[str] = []
    for word in words:
        if word.startswith("-") or help_of(*path, word)[0] != 0:
            break
        path.append(word)
    assert path, f"`{line}` names no command"
    text = help_of(*path)[1]
    assert [word for word in words if word.startswith("--") and word.split("=")[0] not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = [target for target in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in target]
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_index_leads_to_every_page() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    pages = [page.relative_to(ROOT / "docs") for page in PAGES if page.is_relative_to(ROOT / "docs")]
    assert [str(page) for page in pages if str(page) != "index.md" and f"({page})" not in index] == []

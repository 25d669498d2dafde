"""Every command in the README and the guides exists, with the options that are shown."""

import re
import shlex
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from hwnas import application
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
def options_of(*words: str) -> frozenset[str] | None:
    """The options of a command or a group of commands; None where there is none of that name."""
    found: Any = get_command(application(list(words)))
    for word in words:
        found = getattr(found, "commands", {}).get(word)
        if found is None:
            return None
    return frozenset(name for one in found.params for name in (*one.opts, *one.secondary_opts))


@pytest.mark.parametrize("line", commands("make"))
def test_make_targets_exist(line: str) -> None:
    targets = re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert {word for word in line.split()[1:] if "=" not in word} <= set(targets)


@pytest.mark.parametrize("line", commands("hwnas"))
def test_commands_exist_with_their_options(line: str) -> None:
    words = shlex.split(line)[1:]
    path: list[str] = []
    for word in words:
        if word.startswith("-") or options_of(*path, word) is None:
            break
        path.append(word)
    known = options_of(*path) if path else None
    assert known is not None, f"`{line}` names no command"
    asked = {word.split("=")[0] for word in words if word.startswith("--")}
    assert asked - known - {"--help"} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = [target for target in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in target]
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_index_leads_to_every_page() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    pages = [page.relative_to(ROOT / "docs") for page in PAGES if page.is_relative_to(ROOT / "docs")]
    assert [str(page) for page in pages if str(page) != "index.md" and f"({page})" not in index] == []

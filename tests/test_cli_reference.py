"""docs/reference/cli.md is what the command line says of itself (`python -m tests.test_cli_reference`)."""

import inspect
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from hwnas import COMMANDS, GROUPS, application

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "cli.md"
HEAD = """\
# Command line

`hwnas COMMAND --help` says the same in a terminal. Every command takes `--json`: one JSON document on
standard output. Everything else (progress, messages) goes to standard error.

| exit status | means |
|---|---|
| 0 | done |
| 1 | failed, or stopped with Ctrl-C, or a check of `devices doctor` failed, or a backup lacks a file |
| 2 | wrong usage |

A failure is one line on standard error, `error[CODE]: message`; with `--json` it is the document
`{"error": {"code": CODE, "message": message}}` on standard output. [Errors](errors.md) lists the codes.

Searches, tables and supernets are kept in a database and a folder for files, both under `HWNAS_HOME` where
the [settings](settings.md) do not say otherwise. Every command reads these; what trains or measures runs in
a worker (`hwnas worker`), which `demo`, `search` and `devices profile` start where none is alive. Commands
with `--server` can ask a service (`hwnas serve`) instead; `--json` then prints what the service answers.
"""


def command(path: str) -> Any:
    """The command of that name as Typer has built it."""
    group: Any = get_command(application(path.split()))
    for word in path.split():
        group = group.commands[word]
    return group


def split_help(path: str) -> tuple[str, list[str]]:
    """The description and the examples of a command."""
    text = inspect.cleandoc(command(path).help)
    description, _, examples = re.split(r"\n*(Examples?:)\n", text)
    return description, [line.strip() for line in examples.splitlines()]


def parameters(path: str) -> list[Any]:
    """The arguments and options of a command that are its own."""
    return [one for one in command(path).params if not {"--json", "--help"} & set(one.opts)]


def row(parameter: Any) -> str:
    """One line of the table."""
    if parameter.param_type_name == "argument":
        name = parameter.metavar.strip("[]{}")
    else:
        value = "" if parameter.is_flag else f" {parameter.metavar or parameter.name.upper()}"
        name = "/".join([parameter.opts[0], *parameter.secondary_opts]) + value
    shown = name.replace("|", "\\|")
    default = "" if parameter.default in (None, False, "") else f"`{parameter.default}`"
    if parameter.default is True:
        default = f"`{parameter.opts[0]}`"
    return f"| `{shown}` | {parameter.help} | {'required' if parameter.required else default} |"


def section(path: str) -> str:
    """What the page says of one command."""
    description, examples = split_help(path)
    lines = [f"## hwnas {path}", "", description, "", "```text", *examples, "```"]
    if parameters(path):
        lines += ["", "| argument or option | meaning | default |", "|---|---|---|"]
        lines += [row(parameter) for parameter in parameters(path)]
    return "\n".join(lines) + "\n"


def reference() -> str:
    """The whole page."""
    return "\n".join([HEAD, *(section(path) for path in COMMANDS)])


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), "run: python -m tests.test_cli_reference"


@pytest.mark.parametrize("path", COMMANDS)
def test_examples_use_what_exists(path: str) -> None:
    options = {
        option
        for parameter in command(path).params
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    for example in split_help(path)[1]:
        words = shlex.split(example)
        assert words[: 1 + len(path.split())] == ["hwnas", *path.split()]
        assert {word.split("=")[0] for word in words if word.startswith("--")} <= options | {"--json"}


@pytest.mark.parametrize("path", COMMANDS)
def test_every_parameter_says_what_it_is(path: str) -> None:
    assert [parameter.name for parameter in parameters(path) if not parameter.help] == []


def test_every_command_of_a_group_is_in_a_group() -> None:
    assert {path.split()[0] for path in COMMANDS if " " in path} == set(GROUPS)


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")

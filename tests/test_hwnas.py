"""The command line as a shell sees it: exit status, one document on standard output, no traceback."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from rich.text import Text

import hwnas
from hwnas import COMMANDS, GROUPS, run
from search_spaces.errors import DataError, UsageError


class Greeting(BaseModel):
    """What the command under test answers."""

    text: str

    def __rich__(self) -> Text:
        return Text(f"hello, {self.text}")


@pytest.fixture
def behaviour(monkeypatch: pytest.MonkeyPatch) -> dict[str, BaseException]:
    """Makes `hwnas spaces list` answer a greeting, or raise what is put in here as "raises"."""
    raised: dict[str, BaseException] = {}

    def spaces_list(text: str = "you ≤ me") -> Greeting:
        """Greet."""
        if "raises" in raised:
            raise raised["raises"]
        return Greeting(text=text)

    monkeypatch.setattr("api.commands.spaces_list", spaces_list)
    return raised


def fresh(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "hwnas", *words],
        env={**os.environ, "COLUMNS": "200", **environment},
        cwd=Path(hwnas.__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )


def test_people_get_a_drawing(
    behaviour: dict[str, BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["spaces", "list", "--text", "world"]) == 0
    assert capsys.readouterr() == ("hello, world\n", "")


def test_programs_get_one_document(
    behaviour: dict[str, BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["spaces", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"text": "you ≤ me"}


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (UsageError("unknown_space", "no space 'x'; spaces are y"), 2, "unknown_space"),
        (DataError("empty_class", "class 'cat' has no images"), 1, "empty_class"),
        (KeyboardInterrupt(), 1, "interrupted"),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), 1, "not_writable"),
        (OSError(errno.ENOSPC, "No space left on device"), 1, "disk_full"),
        (OSError(errno.EFBIG, "File too large", "/x"), 1, "disk_full"),
        (OSError(errno.EBUSY, "Device or resource busy", "/mnt"), 1, "not_writable"),
        (OSError(errno.ENAMETOOLONG, "File name too long", "/x"), 2, "invalid_path"),
        (OSError(errno.EISDIR, "Is a directory", "/x"), 2, "invalid_path"),
        (OSError(errno.ELOOP, "Too many levels of symbolic links", "/x"), 2, "invalid_path"),
        (ModuleNotFoundError("No module named 'torch.nn'", name="torch.nn"), 2, "missing_package"),
    ],
)
def test_an_error_is_one_line_and_an_exit_status(
    behaviour: dict[str, BaseException],
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    status: int,
    code: str,
) -> None:
    behaviour["raises"] = error
    assert run(["spaces", "list"]) == status
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"error[{code}]: ")
    assert printed.err.count("\n") == 1
    assert run(["spaces", "list", "--json"]) == status
    printed = capsys.readouterr()
    assert json.loads(printed.out)["error"]["code"] == code
    assert printed.err == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nonsense"], "No such command 'nonsense'. (`hwnas --help` shows"),
        (["spaces", "nonsense"], "(`hwnas spaces --help` shows"),
        (["spaces", "show"], "(`hwnas spaces show --help` shows"),
        (["spaces", "show", "mobilenet_v3", "--classes", "one"], "--classes"),
    ],
)
def test_wrong_usage_says_where_help_is(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("error[wrong_usage]: ")
    assert said in printed.err
    assert printed.err.count("\n") == 1


def test_a_bug_is_not_dressed_up(behaviour: dict[str, BaseException]) -> None:
    for bug in (ZeroDivisionError(), FileNotFoundError(errno.ENOENT, "No such file", "/x")):
        behaviour["raises"] = bug
        with pytest.raises(type(bug)):
            run(["spaces", "list"])


def test_help_lists_every_command_and_group(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 0
    text = capsys.readouterr().out
    assert [path for path in COMMANDS if path.split()[0] not in text] == []
    for group in GROUPS:
        assert run([group]) == 0
        text = capsys.readouterr().out
        names = [path.split()[1] for path in COMMANDS if path.startswith(f"{group} ")]
        assert names
        assert [name for name in names if name not in text] == []


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_has_help_with_an_example_and_json(
    path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*path.split(), "--help"]) == 0
    text = capsys.readouterr().out
    assert "Example" in text
    assert f"hwnas {path}" in text
    assert "--json" in text


def test_only_what_is_called_is_loaded() -> None:
    listing = "import sys; print(sorted(n for n in ('torch', 'workers', 'numpy') if n in sys.modules))"
    program = f"import hwnas; hwnas.run(['spaces', 'list', '--help']); {listing}"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(hwnas.__file__).parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_quiet_and_one_thread_before_anything_loads() -> None:
    names = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "ORT_DISABLE_TELEMETRY")
    program = f"import os, hwnas; hwnas.run([]); print(*[os.environ[n] for n in {names}])"

    def seen(**environment: str) -> list[str]:
        clean = {name: value for name, value in os.environ.items() if name not in names}
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=Path(hwnas.__file__).parent,
            env={**clean, **environment},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.split()[-3:]

    assert seen() == ["1", "PASSIVE", "1"]
    # Threads are the user's to choose; reporting to ONNX Runtime's maker is not.
    assert seen(OMP_NUM_THREADS="2", ORT_DISABLE_TELEMETRY="0") == ["2", "PASSIVE", "1"]


def test_the_process_ends_with_the_exit_status(tmp_path: Path) -> None:
    done = fresh("searches", "show", "nothing", HWNAS_HOME=str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.startswith("error[unknown_search]: ")
    assert done.stdout == ""


@pytest.mark.parametrize(
    "words", [("plan", "NAME"), ("searches", "list"), ("datasets", "add", "mine", "NAME")]
)
def test_a_name_that_is_too_long_is_said_to_be(
    words: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = "n" * 300
    monkeypatch.setenv("HWNAS_HOME", str(tmp_path))
    if words[0] == "searches":
        monkeypatch.setenv("HWNAS_HOME", str(tmp_path / name))
    assert run([word.replace("NAME", name) for word in words]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("error[invalid_path]: ")
    assert printed.err.endswith(f"{name}: File name too long; give another path\n")


def test_a_terminal_without_unicode_is_no_reason_to_fail(tmp_path: Path) -> None:
    done = fresh("spaces", "--help", PYTHONIOENCODING="ascii", HWNAS_HOME=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")


def test_a_reader_who_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as closed:
        done: subprocess.CompletedProcess[Any] = subprocess.run(
            [sys.executable, "-c", "import hwnas; hwnas.main()", "spaces", "show", "mobilenet_v3", "--json"],
            cwd=Path(hwnas.__file__).parent,
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.stderr == ""


@pytest.mark.parametrize("words", [["spaces", "list", "--json"], ["spaces", "show", "none", "--json"]])
def test_an_answer_that_nobody_can_take_is_one_line(words: list[str], repository: Path) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        ended = subprocess.run(
            [sys.executable, "-c", "import hwnas; hwnas.main()", *words],
            cwd=repository,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ended.returncode in (1, 2)
    assert ended.stderr.startswith("error[")
    assert ended.stderr.count("\n") == 1

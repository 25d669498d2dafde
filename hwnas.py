"""The `hwnas` command: finds the command that is meant, loads its group, prints its answer or its error.

A command is a function `GROUP_NAME(...)` in the module that `COMMANDS` names, and returns a document: a
pydantic model that rich can draw. People get the drawing, `--json` prints the model; there is one document on
standard output and everything else (progress, warnings) on standard error. Exit status: 0 done, 1 failed, 2
wrong usage.
"""

import errno
import functools
import importlib
import inspect
import io
import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, NoReturn, Protocol

import typer
from rich.console import Console

from search_spaces.atomic import FULL
from search_spaces.errors import HwnasError, ResourceError, UsageError

COMMANDS: Final = {
    "demo": "workers.commands",
    "serve": "api.service_commands",
    "plan": "workers.commands",
    "search": "workers.commands",
    "worker": "workers.commands",
    "agent": "workers.agent_commands",
    "searches list": "api.search_commands",
    "searches show": "api.search_commands",
    "searches front": "api.search_commands",
    "searches cancel": "api.search_commands",
    "searches resume": "api.search_commands",
    "supernets list": "api.commands",
    "datasets list": "api.commands",
    "datasets show": "api.commands",
    "datasets add": "api.commands",
    "db upgrade": "api.commands",
    "backup": "workers.backup_commands",
    "restore": "workers.backup_commands",
    "keys create": "api.service_commands",
    "keys list": "api.service_commands",
    "keys revoke": "api.service_commands",
    "audit list": "api.audit_commands",
    "audit verify": "api.audit_commands",
    "export": "api.network_commands",
    "finetune": "workers.commands",
    "subnets show": "api.network_commands",
    "predict": "api.commands",
    "spaces list": "api.commands",
    "spaces show": "api.commands",
    "devices list": "api.commands",
    "devices show": "api.commands",
    "devices compare": "api.device_commands",
    "devices release": "api.device_commands",
    "devices bundle": "api.device_commands",
    "devices import": "api.device_commands",
    "devices add": "api.device_commands",
    "devices profile": "workers.commands",
    "devices doctor": "workers.commands",
    "devices energy": "workers.commands",
    "tables export": "api.table_commands",
    "tables import": "api.table_commands",
}
AT_A_SERVICE: Final = {
    "plan": "api.remote",
    "export": "api.remote_exports",
    "search": "api.remote",
    "searches list": "api.remote",
    "searches show": "api.remote",
    "searches front": "api.remote",
    "searches cancel": "api.remote",
    "searches resume": "api.remote",
    "subnets show": "api.remote_networks",
    "finetune": "api.remote_networks",
    "datasets add": "api.remote_datasets",
    "datasets list": "api.remote_datasets",
    "datasets show": "api.remote_datasets",
}
"""Where these commands are asked of a service (`--server`), with the same parameters."""
GROUPS: Final = {
    "searches": "Searches: their state, their verified front; cancel one, have one go on.",
    "supernets": "Trained weights that searches share.",
    "datasets": "Images under a name, checked once.",
    "db": "The database behind searches.",
    "keys": "Who may ask the service for what.",
    "audit": "Who changed what at the service, and whether that log is whole.",
    "subnets": "Single networks that searches have verified.",
    "spaces": "Families of networks that can be searched.",
    "devices": "What is measured: lookup tables of this machine, and whether it is fit for measuring.",
    "tables": "Lookup tables that travel: share one, take one.",
}
HELP: Final = (
    "Find neural networks that are fast and small on your own hardware, and get the files that were measured."
)
EPILOG: Final = (
    "Begin with `hwnas demo`. Every command takes --json and --help. "
    "Exit status: 0 done, 1 failed, 2 wrong usage."
)

OWN_PACKAGES: Final = ("search_spaces", "latency_predictors", "nas", "workers", "api")
ENVIRONMENT_ERRORS: Final = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.EBUSY}
)
"""What a read-only folder, a file in place of a folder or a mounted one give: no traceback explains it."""
PATH_ERRORS: Final = (errno.ENAMETOOLONG, errno.ELOOP, errno.EISDIR)
"""What a path gives that can lead to no file, or leads to a folder."""
WIDTH_OF_FILES: Final = 120
"""Columns of tables that are written to a file or a pipe."""

JSON: Final = Annotated[bool, typer.Option("--json", help="Print the answer as one JSON document.")]
SERVER: Final = Annotated[
    str,
    typer.Option(
        metavar="URL",
        envvar="HWNAS_SERVER",
        help="Ask the service there, with the key in HWNAS_KEY; the store of this machine if not given.",
    ),
]


class Answer(Protocol):
    """What a command returns: a pydantic model that rich can draw.

    Where it has an attribute `failed` that is true, the exit status is 1.
    """

    def model_dump_json(self, *, indent: int | None = None) -> str:
        """Return the model as JSON."""


def main() -> NoReturn:
    """Run the command line of this process and end the process with its exit status."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit status."""
    _prepare_process()
    words = list(arguments)
    if not words or (words[0] in GROUPS and len(words) == 1):
        words.append("--help")
    as_json = "--json" in words
    try:
        status = application(words)(words, prog_name="hwnas", standalone_mode=False)
        sys.stdout.flush()
        return int(status or 0)
    except HwnasError as error:
        return _report(error, as_json)
    except typer.TyperException as error:
        message = f"{error.format_message()} (`hwnas {_command_of(words)}--help` shows what there is)"
        return _report(UsageError("wrong_usage", " ".join(message.split())), as_json)
    except BrokenPipeError:
        _give_up_stdout()  # the reader, `head` for example, has seen enough
        return 1
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror)
        if error.errno in PATH_ERRORS:
            return _report(UsageError("invalid_path", f"{what}; give another path"), as_json)
        if error.errno in FULL:
            return _report(ResourceError("disk_full", f"{what}; free some space and start again"), as_json)
        if error.errno not in ENVIRONMENT_ERRORS:
            raise
        message = f"{what}; make it writable, or set HWNAS_HOME to another folder"
        return _report(ResourceError("not_writable", message), as_json)


def application(words: Sequence[str] = ()) -> typer.Typer:
    """Return the command line with the commands that `words` may mean; all of them where none is meant."""
    app = typer.Typer(
        help=HELP,
        epilog=EPILOG,
        add_completion=False,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
    )
    app.callback()(_nothing)  # without this, an application with one command takes no command's name
    groups = {"": app}
    for path, module in _meant(words).items():
        group, _, name = path.rpartition(" ")
        if group not in groups:
            groups[group] = typer.Typer(help=GROUPS[group], rich_markup_mode="rich")
            app.add_typer(groups[group], name=group)
        function = getattr(importlib.import_module(module), path.replace(" ", "_"))
        groups[group].command(name)(_answering(_asking(function, AT_A_SERVICE.get(path))))
    return app


def _nothing() -> None:
    pass


def _meant(words: Sequence[str]) -> dict[str, str]:
    exact = " ".join(words[:2])
    if exact in COMMANDS:
        return {exact: COMMANDS[exact]}
    first = words[0] if words else ""
    return {path: module for path, module in COMMANDS.items() if path.split()[0] == first} or COMMANDS


def _command_of(words: Sequence[str]) -> str:
    for length in (2, 1):
        path = " ".join(words[:length])
        if path in COMMANDS or path in GROUPS:
            return f"{path} "
    return ""


def _answering(function: Callable[..., Answer]) -> Callable[..., int]:
    """Return a command that prints what a function answers, with an option `--json`."""

    @functools.wraps(function)
    def command(*, as_json: bool, **options: Any) -> int:
        try:
            answer = function(**options)
        except KeyboardInterrupt as error:
            message = "stopped as you asked; what was finished is kept: run the same command again to go on"
            raise HwnasError("interrupted", message) from error
        except ModuleNotFoundError as error:
            package = str(error.name).partition(".")[0]
            if package in OWN_PACKAGES:
                raise
            message = f"this command needs the package '{package}': pip install 'hwnas[server]'"
            raise UsageError("missing_package", message) from error
        _print(answer, as_json)
        return 1 if getattr(answer, "failed", False) else 0

    return _with_option(command, function, "as_json", JSON, default=False)


def _asking(function: Callable[..., Answer], elsewhere: str | None) -> Callable[..., Answer]:
    """Return a command with an option `--server`, if it can be asked of a service: the module says how."""
    if elsewhere is None:
        return function

    @functools.wraps(function)
    def command(*, server: str, **options: Any) -> Answer:
        if not server:
            return function(**options)
        answer: Answer = getattr(importlib.import_module(elsewhere), function.__name__)(server, **options)
        return answer

    return _with_option(command, function, "server", SERVER, "")


def _with_option(
    command: Callable[..., Any], function: Callable[..., Any], name: str, option: Any, default: object
) -> Callable[..., Any]:
    """Give a command the parameters of the function that it wraps, and one more."""
    more = inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=option)
    signature = inspect.signature(function)
    command.__signature__ = signature.replace(parameters=[*signature.parameters.values(), more])  # type: ignore[attr-defined]
    command.__annotations__ = {**function.__annotations__, name: option}
    return command


def _print(answer: Answer, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(answer.model_dump_json(indent=2) + "\n")
        return
    width = None if sys.stdout.isatty() else WIDTH_OF_FILES
    Console(width=width, highlight=False).print(answer, crop=False)


def _report(error: HwnasError, as_json: bool) -> int:
    try:
        if as_json:
            document = {"error": {"code": error.code, "message": error.message}}
            sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
            sys.stdout.flush()
    except OSError:  # a full disk, perhaps the one that the error is of
        _give_up_stdout()
        as_json = False
    if not as_json:
        sys.stderr.write(f"error[{error.code}]: {error.message}\n")
    return 2 if isinstance(error, UsageError) else 1


def _give_up_stdout() -> None:
    """Have what is left in its buffer go nowhere: Python would complain once more on leaving."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _prepare_process() -> None:
    # numpy, torch and ONNX Runtime read these once, when they are loaded. One thread beside other work is
    # faster than several; measuring refuses to start with reporting to ONNX Runtime's maker switched on.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without "≤" is no reason to fail


if __name__ == "__main__":
    main()

"""What the source never does."""

import ast
from pathlib import Path

import pytest

from tests.rules.sources import (
    dotted,
    functions,
    imported_modules,
    nodes,
    package_files,
    place,
    source_files,
    tree,
)

# Loading code from data, or a shell.
FORBIDDEN_CALLS = {
    "eval",
    "exec",
    "os.system",
    "time.sleep",
    "torch.load",
    "torch.save",
    "yaml.load",
    "yaml.unsafe_load",
    "yaml.full_load",
}
FORBIDDEN_MODULES = {"pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
NETWORK_MODULES = {"aiohttp", "ftplib", "http", "httpx", "requests", "smtplib", "urllib", "urllib3"}
# The client of the service asks the server that it is given.
MAY_ASK = {Path("api/client.py"), Path("api/connection.py")}
# The published CIFAR archives are pickles: read by an unpickler that admits arrays, strings and lists only.
MAY_IMPORT_FORBIDDEN = {Path("nas/data/cifar.py"): {"pickle"}}

# Folders whose files may import inside functions: an optional runtime is absent on many machines, and the
# command line loads a group of commands when it is called.
LAZY_FILES = ("latency_predictors/runtimes/*.py", "hwnas.py", "api/*commands.py", "workers/commands.py")

EVERY_SOURCE = pytest.mark.parametrize("path", source_files(), ids=str)


@EVERY_SOURCE
def test_nothing_dangerous_is_called(path: Path) -> None:
    calls = [(node, dotted(node.func)) for node in nodes(path) if isinstance(node, ast.Call)]
    assert [f"{place(path, node)} {name}" for node, name in calls if name in FORBIDDEN_CALLS] == []


@EVERY_SOURCE
def test_no_file_is_loaded_as_code(path: Path) -> None:
    roots = {name.split(".")[0] for name in imported_modules(path)}
    assert roots & FORBIDDEN_MODULES <= MAY_IMPORT_FORBIDDEN.get(path, set())


@pytest.mark.parametrize("path", sorted(set(package_files()) - MAY_ASK), ids=str)
def test_no_network_library_is_imported(path: Path) -> None:
    assert {name.split(".")[0] for name in imported_modules(path)} & NETWORK_MODULES == set()


@EVERY_SOURCE
def test_no_exception_is_swallowed(path: Path) -> None:
    handlers = [node for node in nodes(path) if isinstance(node, ast.ExceptHandler)]
    silent = [
        node
        for node in handlers
        if node.type is None or all(isinstance(statement, ast.Pass) for statement in node.body)
    ]
    assert [place(path, node) for node in silent] == []


@pytest.mark.parametrize(
    "path", [path for path in source_files() if not any(map(path.match, LAZY_FILES))], ids=str
)
def test_imports_stand_at_the_top(path: Path) -> None:
    hidden = [
        place(path, node)
        for function in functions(path)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert hidden == []


@EVERY_SOURCE
def test_a_module_begins_with_its_purpose(path: Path) -> None:
    assert ast.get_docstring(tree(path)), f"{path} has no docstring"


def test_no_module_is_named_after_nothing() -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "misc"}
    assert [str(path) for path in source_files() if path.stem in vague] == []

"""What the source never does."""

import ast
from pathlib import Path

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
# The client of the service, and the agent of a board, ask the server that they are given; so does whoever
# starts an agent for it. Addresses are read with urllib.
MAY_ASK = {
    Path("api/client.py"),
    Path("api/connection.py"),
    Path("api/ssh_boards.py"),
    Path("workers/agent_address.py"),
    Path("workers/agent_link.py"),
}

# Folders whose files may import inside functions: an optional runtime is absent on many machines, and the
# command line loads a group of commands when it is called.
LAZY_FILES = ("latency_predictors/runtimes/*.py", "hwnas.py", "api/*commands.py", "workers/*commands.py")


def test_nothing_dangerous_is_called() -> None:
    calls = [
        f"{place(path, node)} {name}"
        for path in source_files()
        for node in nodes(path)
        if isinstance(node, ast.Call) and (name := dotted(node.func)) in FORBIDDEN_CALLS
    ]
    assert calls == []


def test_no_file_is_loaded_as_code() -> None:
    assert [str(path) for path in source_files() if _roots(path) & FORBIDDEN_MODULES] == []


def test_no_network_library_is_imported() -> None:
    asking = {path for path in package_files() if _roots(path) & NETWORK_MODULES}
    assert asking == MAY_ASK


def test_no_exception_is_swallowed() -> None:
    silent = [
        place(path, node)
        for path in source_files()
        for node in nodes(path)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or all(isinstance(statement, ast.Pass) for statement in node.body))
    ]
    assert silent == []


def test_imports_stand_at_the_top() -> None:
    hidden = [
        place(path, node)
        for path in source_files()
        if not any(map(path.match, LAZY_FILES))
        for function in functions(path)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert hidden == []


def test_a_module_begins_with_its_purpose() -> None:
    assert [str(path) for path in source_files() if not ast.get_docstring(tree(path))] == []


def test_no_module_is_named_after_nothing() -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "misc"}
    assert [str(path) for path in source_files() if path.stem in vague] == []


def _roots(path: Path) -> set[str]:
    """Names of the packages that one file imports from."""
    return {name.split(".")[0] for name in imported_modules(path)}

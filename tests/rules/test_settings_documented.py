"""Every setting is on docs/reference/settings.md, and the environment is read in one place."""

import ast
import re
from pathlib import Path

from hwnas import AT_A_SERVICE, COMMANDS
from nas.settings import ServerSettings, Settings
from tests.rules.sources import ROOT, dotted, nodes, package_files, place

PAGE = ROOT / "docs" / "reference" / "settings.md"
ROW = re.compile(r"^\| `(HWNAS_[A-Z0-9_]+)` \|", re.MULTILINE)
# Hand the environment to a child process, or check a switch that a library reads there.
MAY_READ = {
    Path("latency_predictors/runtimes/onnxruntime.py"),
    Path("latency_predictors/session.py"),
    Path("nas/settings.py"),
    Path("workers/cluster.py"),
    Path("workers/ray_process.py"),
}


def test_the_page_lists_every_setting_and_no_other() -> None:
    fields = {
        f"{kind.model_config.get('env_prefix', '')}{name}".upper()
        for kind in (Settings, ServerSettings)
        for name in kind.model_fields
    }
    assert set(ROW.findall(PAGE.read_text(encoding="utf-8"))) == fields


def test_the_page_names_the_commands_that_ask_a_service() -> None:
    (row,) = re.findall(r"^\| `HWNAS_SERVER` \|.*$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(re.findall(r"`([^`]+)`", row)) & set(COMMANDS) == set(AT_A_SERVICE)


def test_settings_are_frozen() -> None:
    assert all(kind.model_config.get("frozen") for kind in (Settings, ServerSettings))


def test_the_environment_is_read_in_one_place() -> None:
    places = [
        place(path, node)
        for path in sorted(set(package_files()) - MAY_READ)
        for node in nodes(path)
        if _read_from(node) in ("os.getenv", "os.environ.get", "os.environ")
    ]
    assert places == []


def _read_from(node: ast.AST) -> str:
    """The name that is called, or that an item is taken of."""
    if isinstance(node, ast.Call):
        return dotted(node.func)
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        return dotted(node.value)
    return ""

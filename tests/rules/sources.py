"""The files that the rules are about, parsed once."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("search_spaces", "latency_predictors", "nas", "workers", "api")
FOLDERS = (*PACKAGES, "benchmarks")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def package_files() -> tuple[Path, ...]:
    """Every Python file that users install, relative to the root."""
    found = [path for name in PACKAGES for path in (ROOT / name).rglob("*.py")]
    return tuple(sorted(path.relative_to(ROOT) for path in [*found, *ROOT.glob("hwnas.py")]))


@cache
def source_files() -> tuple[Path, ...]:
    """Every Python file that is not a test, relative to the root."""
    benchmarks = sorted(path.relative_to(ROOT) for path in (ROOT / "benchmarks").rglob("*.py"))
    return (*package_files(), *benchmarks)


@cache
def tree(path: Path) -> ast.Module:
    """The syntax tree of one file."""
    return ast.parse((ROOT / path).read_text(encoding="utf-8"), filename=str(path))


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """Every node of one file."""
    return tuple(ast.walk(tree(path)))


def functions(path: Path) -> Iterator[Function]:
    """Every function and method of one file, nested ones too."""
    return (node for node in nodes(path) if isinstance(node, Function))


def imported_modules(path: Path) -> set[str]:
    """Dotted names of everything that one file imports, at any depth."""
    found: set[str] = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def place(path: Path, node: ast.AST) -> str:
    """`file:line` of a node, as editors understand it."""
    return f"{path}:{getattr(node, 'lineno', 0)}"


def dotted(node: ast.AST) -> str:
    """`a.b.c` for a chain of names, the empty string for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := dotted(node.value)):
        return f"{before}.{node.attr}"
    return ""


def docstring_nodes(path: Path) -> set[ast.AST]:
    """The string constants that stand alone as statements: documentation, not values."""
    return {
        node.value
        for node in nodes(path)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


@cache
def tracked_files() -> tuple[Path, ...]:
    """Every file that git keeps or would keep, relative to the root; outside a checkout every file."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
    )
    if listed.returncode != 0:
        return tuple(sorted(path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file()))
    return tuple(Path(name) for name in listed.stdout.split("\0") if name and (ROOT / name).is_file())

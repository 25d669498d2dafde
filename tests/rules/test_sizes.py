"""Files and functions stay small enough to be read in one sitting."""

import ast

from tests.rules.sources import ROOT, Function, functions, place, source_files

MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 40


def lines_without_docstring(function: Function) -> int:
    """Lines from `def` to the end; the documentation is not counted."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def test_a_file_has_at_most_300_lines() -> None:
    lengths = {path: len((ROOT / path).read_text(encoding="utf-8").splitlines()) for path in source_files()}
    assert {str(path): lines for path, lines in lengths.items() if lines > MAX_FILE_LINES} == {}


def test_a_function_has_at_most_40_lines() -> None:
    lengths = {
        f"{place(path, function)} {function.name}": lines_without_docstring(function)
        for path in source_files()
        for function in functions(path)
    }
    assert lengths, "no function found: the rule looks in the wrong place"
    assert {name: lines for name, lines in lengths.items() if lines > MAX_FUNCTION_LINES} == {}

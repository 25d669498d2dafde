"""Every error code that the source raises is explained in docs/reference/errors.md, and no other."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from search_spaces import errors
from tests.rules.sources import ROOT, dotted, nodes, package_files, place

PAGE = ROOT / "docs" / "reference" / "errors.md"
ROW = re.compile(r"^\| `([a-z0-9_]+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
NAMED = {name for name, kind in vars(errors).items() if isinstance(kind, type)}


@cache
def error_classes() -> dict[str, str]:
    """Names of all classes under HwnasError, each with the class of the tree it belongs to."""
    found = {name: name for name in NAMED if issubclass(getattr(errors, name), errors.HwnasError)}
    classes = [node for path in package_files() for node in nodes(path) if isinstance(node, ast.ClassDef)]
    for _ in classes:  # a subclass may stand in an earlier file than its parent
        for node in classes:
            parents = [found[name] for base in node.bases if (name := dotted(base).split(".")[-1]) in found]
            if parents and node.name not in found:
                found[node.name] = parents[0]
    return found


def literal_codes(node: ast.expr) -> list[str]:
    """The codes an argument can stand for; empty where it cannot be read from the source."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.IfExp):
        return literal_codes(node.body) + literal_codes(node.orelse)
    return []


def code_argument(call: ast.Call) -> ast.expr | None:
    """What an error is given as its code."""
    named = [keyword.value for keyword in call.keywords if keyword.arg == "code"]
    return next(iter([*call.args, *named]), None)


def raised() -> tuple[dict[str, set[str]], list[str]]:
    """Code -> classes it is raised with; and the places whose code is not a literal."""
    codes: dict[str, set[str]] = {}
    unreadable = []
    for path in package_files():
        for node in nodes(path):
            if not isinstance(node, ast.Call):
                continue
            kind = error_classes().get(dotted(node.func).split(".")[-1])
            if kind is None:
                continue
            given = code_argument(node)
            if isinstance(given, ast.Attribute) and given.attr == "code":
                continue  # an error that another process raised is passed on as it came
            found = literal_codes(given) if given is not None else []
            if not found:
                unreadable.append(place(path, node))
            for code in found:
                codes.setdefault(code, set()).add(kind)
    return codes, unreadable


def documented() -> dict[str, str]:
    """Code -> class, as the page has it."""
    return {code: kind.strip(" `") for code, kind, _, _ in ROW.findall(PAGE.read_text(encoding="utf-8"))}


def test_every_code_is_a_literal() -> None:
    _, unreadable = raised()
    assert unreadable == []


def test_every_raised_code_is_on_the_page() -> None:
    codes, _ = raised()
    assert codes, "no error found: the rule looks in the wrong place"
    assert sorted(set(codes) - set(documented())) == []


def test_every_code_on_the_page_is_raised() -> None:
    codes, _ = raised()
    assert sorted(set(documented()) - set(codes)) == []


def test_the_page_names_the_class_of_each_code() -> None:
    codes, _ = raised()
    assert {code: kind for code, kind in documented().items() if kind not in codes.get(code, {kind})} == {}


def test_codes_are_snake_case_and_in_order() -> None:
    listed = list(documented())
    assert listed == sorted(listed)
    assert [code for code in raised()[0] if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", code)] == []


@pytest.mark.parametrize(
    ("source", "codes"),
    [
        ('UsageError("a", "m")', ["a"]),
        ('UsageError("a" if x else "b", "m")', ["a", "b"]),
        ("UsageError(c)", []),
    ],
)
def test_codes_are_read_from_source(source: str, codes: list[str]) -> None:
    call = ast.parse(source, mode="eval").body
    assert isinstance(call, ast.Call)
    assert literal_codes(call.args[0]) == codes


def test_the_tree_is_drawn_in_full() -> None:
    drawn = Path(str(errors.__file__)).read_text(encoding="utf-8").split('"""')[1]
    assert [name for name in error_classes() if name in NAMED and name not in drawn] == []

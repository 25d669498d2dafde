"""docs/how-to/data.md says what the code does: its examples are valid, its codes complete."""

import ast
import re
from pathlib import Path

import pytest
import yaml
from pydantic import TypeAdapter

from nas.data.decode import MAX_PIXELS
from nas.data.spec import DatasetSpec, ImageFolderSpec


@pytest.fixture(scope="module")
def page(repository: Path) -> str:
    return (repository / "docs/how-to/data.md").read_text()


def codes_in(folder: Path, *calls: str) -> set[str]:
    """First arguments of calls to these names, in all files of a folder."""
    return {
        node.args[0].value
        for file in folder.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in calls
        if node.args and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str)
    }


def codes_of_table(page: str, heading: str) -> set[str]:
    section = page.split(f"## {heading}\n")[1].split("\n## ")[0]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return {code for cell in cells for code in re.findall(r"`(\w+)`", cell)}


def test_the_examples_are_valid(page: str) -> None:
    examples = [
        yaml.safe_load(line)["dataset"]
        for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
        for line in block.splitlines()
    ]
    assert len(examples) == 7
    for example in examples:
        TypeAdapter(DatasetSpec).validate_python(example)


def test_the_example_groups_bursts(page: str) -> None:
    (expression,) = re.findall(r"group_by: '(.*)'", page)
    found = [re.search(expression, f"nest/nest12_{shot:04}.jpg") for shot in (1, 2)]
    assert [match.group(1) for match in found if match] == ["nest12", "nest12"]


def test_every_warning_is_listed(page: str, repository: Path) -> None:
    assert codes_of_table(page, "What is reported") == codes_in(repository / "nas/data", "Notice")


def test_every_error_a_user_can_act_on_is_listed(page: str, repository: Path) -> None:
    raised = codes_in(repository / "nas/data", "DataError", "UsageError", "ResourceError")
    callers_own = {"unknown_fold", "invalid_resolution", "disk_full"}
    assert codes_of_table(page, "Errors") == raised - callers_own


def test_the_numbers_are_the_codes(page: str) -> None:
    defaults = ImageFolderSpec(path=Path("x"))
    assert f"{MAX_PIXELS // 10**6} million pixels" in page
    assert f"{defaults.val_share:.0%} each".replace("%", " %") in page
    assert f"{defaults.max_broken_share:.0%}".replace("%", " %") + " of them" in page

"""The form of a search: its fields, and the document that a form sends.

Both are made of the models that check a submitted search: a field that a model gets stands in the form.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError
from starlette.datastructures import QueryParams

from api.dashboard.forms import Field, fields_of, get, put
from api.resources.submissions import SubmittedSearch
from latency_predictors.agent_protocol import HOST
from nas.data.spec import ShapesSpec
from nas.specs import SearchSpec, TargetSpec
from search_spaces.catalogue import PRESETS

MAX_TARGETS: Final = 8
GROUPS: Final = {
    "search": "How to search",
    "supernet": "Training",
    "verify": "Verifying",
    "finetune": "Training on",
    "references": "Stock networks",
    "export": "Delivering",
    "when_missing": "Boards that are away",
}
"""Parts of a specification that most leave as they are, with their titles."""

_WRITTEN: Final = ("budget.wall_minutes", "seed")
"""Fields that stand in a document whatever they are."""


@dataclass(frozen=True)
class Problem:
    """Something that is wrong with what was sent.

    Attributes:
        path: Of the field; empty where it is of no single one.
    """

    path: str
    text: str


@dataclass
class SearchForm:
    """What a form holds.

    Attributes:
        document: As it would be submitted: what is left as it is stands not in it.
        problems: What is wrong with it.
    """

    document: dict[str, Any]
    problems: list[Problem] = field(default_factory=list)

    @property
    def num_targets(self) -> int:
        """Number of its targets."""
        return len(self.document["targets"])

    def value(self, one: Field) -> Any:
        """Return what a field holds."""
        found = get(self.document, one.path)
        return one.default if found is None else found

    def problem(self, path: str) -> str:
        """Return what is wrong with a field; empty where nothing is."""
        return "; ".join(one.text for one in self.problems if one.path == path)

    def checked(self) -> SubmittedSearch | None:
        """Return the search that it asks for; None, and problems, where it asks for none."""
        try:
            return SubmittedSearch.model_validate(self.document)
        except ValidationError as error:
            self.problems += [Problem(_path(one["loc"]), str(one["msg"])) for one in error.errors()]
            return None


def spaces() -> list[str]:
    """Return what can be searched, as the form names it: `mobilenet_v3/tiny`."""
    return [f"{name}/{preset}" for name, presets in PRESETS.items() for preset in presets]


def target_fields(number: int) -> list[Field]:
    """Return the fields of a target, counted from 0."""
    return list(fields_of(TargetSpec, f"targets.{number}"))


def other_fields() -> dict[str, list[Field]]:
    """Return the fields of `GROUPS`."""
    found = list(fields_of(SearchSpec, ""))
    return {title: [one for one in found if one.path.split(".")[0] == name] for name, title in GROUPS.items()}


def main_fields() -> list[Field]:
    """Return budget and seed."""
    return [one for one in fields_of(SearchSpec, "") if one.path in _WRITTEN]


def shape_fields() -> list[Field]:
    """Return the fields of drawn images, which count where those are the data set."""
    return [one for one in fields_of(ShapesSpec, "dataset") if one.path != "dataset.name"]


def read_form(sent: QueryParams) -> SearchForm:
    """Return what a form sends. It says how many targets it has: fields of others are not looked at."""
    count = sent.get("num_targets", "1")
    num_targets = min(max(int(count), 1), MAX_TARGETS) if count.isascii() and count.isdigit() else 1
    space, _, preset = sent.get("space", "").partition("/")
    document: dict[str, Any] = {
        "space": {"name": space, "preset": preset} if space else {},
        "dataset": _dataset(sent.get("dataset", "digits")),
        "targets": [{"device": sent.get(f"targets.{number}.device", HOST)} for number in range(num_targets)],
    }
    for one in _fields(num_targets, document["dataset"]["name"] == "shapes"):
        value = one.read(sent.getlist(one.path))
        if one.path in _WRITTEN or value not in (None, one.default):
            put(document, one.path, one.default if value is None else value)
    return SearchForm(document)


def form_of(document: Mapping[str, Any]) -> SearchForm:
    """Return the form that a specification fills, for example that of an earlier search."""
    sent = {one: document[one] for one in SubmittedSearch.model_fields if one in document}
    targets = [{"device": HOST, **one} for one in sent.get("targets", ())][:MAX_TARGETS]
    return SearchForm({"dataset": {"name": "digits"}, **sent, "targets": targets or [{"device": HOST}]})


def _fields(num_targets: int, shapes: bool) -> Iterator[Field]:
    for number in range(num_targets):
        yield from target_fields(number)
    for fields in other_fields().values():
        yield from fields
    yield from main_fields()
    yield from shape_fields() if shapes else ()


def _dataset(text: str) -> dict[str, str]:
    kind, _, name = text.partition(":")
    return {"name": "stored", "id": name} if kind == "stored" else {"name": kind}


def _path(location: Sequence[int | str]) -> str:
    """Return the path of a field from where pydantic found something wrong.

    A data set is one of several models: which one stands in between.
    """
    parts = [str(part) for part in location]
    if parts[:1] == ["dataset"] and len(parts) > 2:
        parts = [parts[0], *parts[2:]]
    return ".".join(part for part in parts if part != "[key]")

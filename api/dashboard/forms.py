"""Form fields, made of the pydantic models that check what is sent: their types, bounds and documentation."""

import re
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from inspect import cleandoc
from itertools import pairwise
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

Kind = Literal["whole", "number", "choice", "several", "switch"]

_LABELS: Final = {
    "wall_minutes": "Budget, minutes",
    "flip": "Mirror images",
    "sustained_s": "Seconds at a stretch",
    "num_params": "Parameters",
    "num_macs": "MACs",
    "file_bytes": "File size, bytes",
    "energy_mj": "Energy, mJ",
}
_UNITS: Final = {"_ms": "ms", "_s": "s", "_bytes": "bytes", "_minutes": "min"}
_ENTRY: Final = re.compile(r"^    (\w+): (.*(?:\n {8,}.*)*)", re.MULTILINE)


@dataclass(frozen=True)
class Field:
    """Something to fill in.

    Attributes:
        path: Where it stands in the document, with dots: `targets.0.limits.latency_ms`.
        hint: What it means.
        options: As they stand in the document; of choices.
        default: What the document means without it; None for nothing.
        low: Bound; None for none.
    """

    path: str
    label: str
    hint: str
    kind: Kind
    options: tuple[Any, ...] = ()
    default: Any = None
    low: float | None = None
    high: float | None = None

    @property
    def id(self) -> str:
        """Identifier of its element."""
        return self.path.replace(".", "-")

    def read(self, texts: Sequence[str]) -> Any:
        """Return the value that a form sends; None where it is left empty.

        What is no such value comes back as the text that it is: the model says what is wrong with it.
        """
        by_text = {str(option): option for option in self.options}
        if self.kind == "several":
            return [by_text.get(text, text) for text in texts if text]
        text = texts[-1].strip() if texts else ""
        if self.kind == "switch":
            return text == "true"
        if not text:
            return None
        if self.kind == "choice":
            return by_text.get(text, text)
        return _as_number(text, whole=self.kind == "whole")

    def text(self, value: Any) -> str:
        """Return a value as the form shows it."""
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return "" if value is None else str(value)


def fields_of(model: type[BaseModel], path: str) -> Iterator[Field]:
    """Yield the fields of a model and of the models in it, in their order.

    Args:
        model: Its fields are choices, numbers, switches, models, or numbers by the name of a choice.
        path: Of the model in its document.
    """
    hints = _hints(model)
    for name, info in model.model_fields.items():
        inner, where = _without_none(info.annotation), f"{path}.{name}" if path else name
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from fields_of(inner, where)
        elif get_origin(inner) is dict:
            key, value = get_args(inner)
            yield from (_number(f"{where}.{one}", one, "", value, None) for one in get_args(key))
        elif (field := _field(where, name, hints.get(name, ""), inner, info)) is not None:
            yield field


def put(document: dict[str, Any], path: str, value: Any) -> None:
    """Write a value into a document at a path; numbers are places in lists, filled in turn."""
    parts = path.split(".")
    place: Any = document
    for way, following in pairwise(parts):
        empty: Any = [] if following.isdigit() else {}
        if isinstance(place, list):
            if int(way) == len(place):
                place.append(empty)
            place = place[int(way)]
        else:
            place = place.setdefault(way, empty)
    place[parts[-1]] = value


def get(document: Any, path: str) -> Any:
    """Return what stands in a document at a path; None where there is nothing."""
    for way in path.split("."):
        if isinstance(document, Mapping):
            document = document.get(way)
        elif isinstance(document, list | tuple) and way.isdigit() and int(way) < len(document):
            document = document[int(way)]
        else:
            return None
    return document


def _field(path: str, name: str, hint: str, inner: Any, info: FieldInfo) -> Field | None:
    default = None if info.is_required() else info.default
    label = _LABELS.get(name, name.replace("_", " ").capitalize())
    if inner is bool:
        return Field(path, label, hint, "switch", default=default)
    if get_origin(inner) is Literal:
        return Field(path, label, hint, "choice", get_args(inner), default)
    if get_origin(inner) is tuple and get_origin(get_args(inner)[0]) is Literal:
        chosen = list(default) if default is not None else None
        return Field(path, label, hint, "several", get_args(get_args(inner)[0]), chosen)
    if inner in (int, float):
        return _number(path, name, hint, info, default)
    return None  # text and lists of models: their forms are made by whoever has them


def _number(path: str, name: str, hint: str, info: Any, default: Any) -> Field:
    kinds = [info.annotation] if isinstance(info, FieldInfo) else list(get_args(info))
    bounds = list(info.metadata) if isinstance(info, FieldInfo) else kinds[1:]
    bounds = [
        one for bound in bounds for one in (bound.metadata if isinstance(bound, FieldInfo) else [bound])
    ]
    low = next(
        (x for bound in bounds for k in ("ge", "gt") if (x := getattr(bound, k, None)) is not None), None
    )
    high = next(
        (x for bound in bounds for k in ("le", "lt") if (x := getattr(bound, k, None)) is not None), None
    )
    whole = _without_none(kinds[0]) is int
    unit = next((unit for ending, unit in _UNITS.items() if name.endswith(ending)), "")
    stem = name.removesuffix(next((ending for ending in _UNITS if name.endswith(ending)), ""))
    label = _LABELS.get(name, stem.removeprefix("num_").replace("_", " ").capitalize())
    field = Field(path, label, hint, "whole" if whole else "number", (), default, low, high)
    return replace(field, label=f"{label}, {unit}") if unit and name not in _LABELS else field


def _without_none(annotation: Any) -> Any:
    """Return a type without `None` and without what is annotated."""
    if get_origin(annotation) is Annotated:
        return _without_none(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        (inner,) = [one for one in get_args(annotation) if one is not type(None)][:1]
        return _without_none(inner)
    return annotation


@cache
def _hints(model: type[BaseModel]) -> Mapping[str, str]:
    """Return what the docstring of a model says of its attributes."""
    entries = _ENTRY.findall(cleandoc(model.__doc__ or ""))
    return {name: " ".join(text.split()).replace("`", "") for name, text in entries}


def _as_number(text: str, *, whole: bool) -> Any:
    try:
        return int(text) if whole else float(text)
    except ValueError:
        return text

"""The sections of the dashboard, as every page lists them."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Section:
    """A place in the navigation.

    Attributes:
        id: A template names its own: `{% set section = "searches" %}`.
        name: For people.
        path: Of its page.
    """

    id: str
    name: str
    path: str


SECTIONS: Final = (
    Section("searches", "Searches", "/searches"),
    Section("new", "New search", "/searches/new"),
    Section("devices", "Devices", "/devices"),
    Section("datasets", "Data sets", "/datasets"),
)

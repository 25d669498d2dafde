"""Where a network is delivered to: a folder for everything that belongs to it, or one file."""

from pathlib import Path
from typing import TypeGuard


def is_file(place: Path | None, format: str) -> TypeGuard[Path]:
    """Whether a place is meant for the file of a network alone: it ends as files of that format do."""
    return place is not None and place.suffix == f".{format}"

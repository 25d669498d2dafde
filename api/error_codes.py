"""What is written of each error code: the tables of docs/reference/errors.md."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from pydantic import BaseModel

_PAGE: Final = Path(__file__).with_name("errors.md")
_ROW: Final = re.compile(r"^\| `([a-z0-9_]+)` \| (?:\w+ \| )?([^|]+) \| ([^|]+) \|$", re.MULTILINE)


class ErrorCode(BaseModel):
    """An error.

    Attributes:
        code: Stable, for programs.
        meaning: What has happened.
        what_to_do: The way out.
    """

    code: str
    meaning: str
    what_to_do: str


@cache
def error_codes() -> Mapping[str, ErrorCode]:
    """Return every documented error by its code."""
    rows = _ROW.findall(_PAGE.read_text(encoding="utf-8"))
    return {code: ErrorCode(code=code, meaning=said, what_to_do=remedy) for code, said, remedy in rows}

"""Types of fields that cross a wire: what a database holds, and what people can read without harm."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field

_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""Characters that move the cursor of a terminal, break a line or turn the direction of text."""


def one_line(text: str) -> str:
    """Return a text as it can be shown anywhere: what is no character for people to read becomes a blank."""
    return _CONTROLS.sub(" ", text)


Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Identifier = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Shown = Annotated[str, AfterValidator(one_line)]
Text = Annotated[str, Field(max_length=200), AfterValidator(one_line)]
ShortText = Annotated[str, Field(max_length=40), AfterValidator(one_line)]
UnitName = Annotated[str, Field(max_length=80), AfterValidator(one_line)]
"""Which of several equal boards; empty where nothing tells it."""

ClassNumber = Annotated[int, Field(ge=0, lt=2**20)]
Number = Annotated[int, Field(ge=0, lt=2**53)]
Count = Annotated[int, Field(ge=0, lt=2**31)]
"""Of files: what any database holds in a column of whole numbers."""

LEAST_MS: Final = 1e-6
"""What no layer takes: a nanosecond."""

MOST_MS: Final = 1e6
"""What nobody measures: a quarter of an hour for one inference."""

Milliseconds = Annotated[float, Field(ge=LEAST_MS, le=MOST_MS)]
"""Of a layer or network that ran."""

Pause = Annotated[float, Field(ge=0, le=3_600)]
"""Seconds: whatever a service says, its board is back within the hour."""

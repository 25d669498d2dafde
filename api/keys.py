"""The text of a key: `hwnas_ID_SECRET_CHECK`, and what keys may be good for.

The prefix lets scanners find a leaked key, the check refuses a mistyped one before the database is asked.
"""

import zlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

PREFIX: Final = "hwnas"


class Scope(StrEnum):
    """What a key is good for. `admin` contains the others; `metrics` is for whoever watches the service."""

    READ = "read"
    SUBMIT = "submit"
    DEVICE = "device"
    METRICS = "metrics"
    ADMIN = "admin"


@dataclass(frozen=True)
class KeyText:
    """A key as its holder has it.

    Attributes:
        id: Finds the key.
        secret: Proves that it is the holder's.
    """

    id: str
    secret: str

    def __str__(self) -> str:
        """Return the text, which is a secret."""
        body = f"{PREFIX}_{self.id}_{self.secret}"
        return f"{body}_{_check(body)}"

    def __repr__(self) -> str:
        """Return what may stand in a log."""
        return f"KeyText({self.id})"


def read_key(text: str) -> KeyText | None:
    """Return the parts of a key, None where it is none: other form, or a wrong check."""
    body, _, check = text.rpartition("_")
    prefix, *parts = body.split("_")
    plain = text.isascii() and text.replace("_", "").isalnum()
    shaped = prefix == PREFIX and len(parts) == 2 and all(parts) and len(text) <= 120
    if not plain or not shaped or check != _check(body):
        return None
    return KeyText(*parts)


def _check(body: str) -> str:
    return f"{zlib.crc32(body.encode()):08x}"

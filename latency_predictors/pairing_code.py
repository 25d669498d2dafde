"""What a person carries from the service to a board: where it is, how to know it, a secret that works once.

`192.168.1.20:8265/` and 42 letters: half of the SHA-256 of the service's certificate, which nobody can find
another certificate for, and ten random bytes.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field

from latency_predictors.agent_protocol import BoardName
from latency_predictors.protocol import WireModel
from latency_predictors.wire_types import Identifier
from search_spaces.errors import UsageError

FINGERPRINT_BYTES: Final = 16
SECRET_BYTES: Final = 10

_FORM: Final = re.compile(r"(?P<host>[0-9a-z.:\[\]-]{1,255}):(?P<port>[0-9]{1,5})/(?P<letters>[a-z2-7-]+)")


class Pair(WireModel):
    """A board that has a code asks for a key.

    Attributes:
        secret: Of the code, in hex.
        name: What specifications are to call the board.
        instance: Of the agent's installation: a board that pairs again is known by it.
    """

    secret: Annotated[str, Field(pattern=r"^[0-9a-f]{20}$")]
    name: BoardName
    instance: Identifier


class Paired(WireModel):
    """The key of a board: the only time that it is told."""

    key: Annotated[str, Field(repr=False)]


@dataclass(frozen=True)
class PairingCode:
    """A code to pair with.

    Attributes:
        host: Name or address of the service.
        port: It listens at.
        fingerprint: First half of the SHA-256 of its certificate.
        secret: Lets one board in.
    """

    host: str
    port: int
    fingerprint: bytes
    secret: bytes

    def __str__(self) -> str:
        """Return the text, which is a secret until it was used."""
        letters = base64.b32encode(self.fingerprint + self.secret).decode().rstrip("=").lower()
        groups = "-".join(letters[begin : begin + 6] for begin in range(0, len(letters), 6))
        return f"{self.host}:{self.port}/{groups}"

    def __repr__(self) -> str:
        """Return what may stand in a log."""
        return f"PairingCode({self.host}:{self.port})"

    @property
    def url(self) -> str:
        """Address of the service."""
        return f"https://{self.host}:{self.port}"


def read_code(text: str) -> PairingCode:
    """Return a code that was typed or pasted.

    Raises:
        UsageError: `malformed_code`.
    """
    found = _FORM.fullmatch(text.strip().lower())
    letters = found["letters"].replace("-", "").upper() if found else ""
    try:
        content = base64.b32decode(letters + "=" * (-len(letters) % 8))
    except binascii.Error:
        content = b""
    if (
        found is None
        or len(content) != FINGERPRINT_BYTES + SECRET_BYTES
        or not 0 < int(found["port"]) < 2**16
    ):
        raise UsageError(
            "malformed_code",
            "that is no whole code: copy it as `hwnas serve --lan` shows it, HOST:PORT/LETTERS",
        )
    return PairingCode(
        found["host"], int(found["port"]), content[:FINGERPRINT_BYTES], content[FINGERPRINT_BYTES:]
    )

"""What pages load: styles, scripts and plotly.js, under addresses that change with their content."""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version as version_of
from importlib.resources import files
from typing import Final

from search_spaces.errors import UsageError

PLOTLY: Final = "plotly.min.js"
MEDIA_TYPES: Final = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


@dataclass(frozen=True)
class Asset:
    """A file that pages load.

    Attributes:
        content: Its bytes.
        zipped: The same by gzip; compressed once, not for every answer.
        media_type: What it is.
    """

    content: bytes
    zipped: bytes
    media_type: str


_READ: Final[dict[str, Asset]] = {}


@cache
def names() -> frozenset[str]:
    """Return the names of all assets."""
    own = (one.name for one in files("api.dashboard").joinpath("static").iterdir())
    return frozenset({*(name for name in own if name.rpartition(".")[2] in MEDIA_TYPES), PLOTLY})


@cache
def release() -> str:
    """Return what stands for the content of all assets: part of their addresses, so that browsers keep them.

    One for all of them: a script finds those it imports beside itself.
    """
    whole = hashlib.sha256(version_of("plotly").encode())
    for name in sorted(names() - {PLOTLY}):
        whole.update(name.encode() + b"\0" + _read(name))
    return whole.hexdigest()[:16]


def asset(name: str) -> Asset:
    """Return an asset; the first time it is read and compressed, which may take a second.

    Raises:
        UsageError: `unknown_asset`.
    """
    if (found := read_before(name)) is not None:
        return found
    if name not in names():
        raise UsageError("unknown_asset", f"there is no asset '{name}': load the page again")
    content = _read(name)
    made = Asset(content, gzip.compress(content, 9, mtime=0), MEDIA_TYPES[name.rpartition(".")[2]])
    return _READ.setdefault(name, made)


def read_before(name: str) -> Asset | None:
    """Return an asset that was read before, at once."""
    return _READ.get(name)


def _read(name: str) -> bytes:
    """Return the content of an asset; plotly.js comes with the installed package."""
    place = (
        files("plotly").joinpath("package_data")
        if name == PLOTLY
        else files("api.dashboard").joinpath("static")
    )
    return place.joinpath(name).read_bytes()

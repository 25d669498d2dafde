"""The names that a service answers for: another name that leads here is somebody's trick on a browser."""

import re
from collections.abc import Iterable
from typing import Final, final

_PLAIN: Final = re.compile(rb"[a-z0-9.-]+")


@final
class Hosts:
    """Names that requests may give as their host, with any port."""

    def __init__(self, names: Iterable[str]) -> None:
        """Take the names.

        Args:
            names: Names and addresses; `*.example.org` for all under one, `*` for all.
        """
        known = [in_address(name.lower()).encode() for name in names]
        self._names = frozenset(name for name in known if not name.startswith(b"*"))
        self._endings = tuple(name[1:] for name in known if name.startswith(b"*"))

    def __contains__(self, host: bytes) -> bool:
        """Whether a `Host` header names one of them; it is looked up with each request."""
        name, _, port = host.lower().rpartition(b":")
        if not port.isdigit():
            name = host.lower()
        if name in self._names:
            return True
        return name.endswith(self._endings) and _PLAIN.fullmatch(name) is not None


def in_address(host: str) -> str:
    """Return a host as it stands in an address: IPv6 in brackets."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host

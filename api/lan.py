"""The address of this machine that boards are told: one that they can reach it at."""

import fcntl
import socket
import struct
from typing import Final

from search_spaces.errors import UsageError

_ELSEWHERE: Final = ("192.0.2.1", 9)
"""An address for examples (RFC 5737): nothing is sent to it."""

_GET_ADDRESS: Final = 0x8915
"""SIOCGIFADDR of Linux: netdevice(7)."""


def lan_address(text: str) -> str:
    """Return the address that an interface of this machine has, or the one that is given.

    Args:
        text: Name of an interface, or an address, or a name that stands for one.

    Raises:
        UsageError: `invalid_lan_address` where that is none of this machine alone: the code for boards would
            lead them nowhere.
    """
    address = _of_interface(text) or text
    if _bound(address) in ("", "0.0.0.0", "::"):
        own = own_address()
        there = f"`hwnas serve --lan {own}`, for example" if own else "see `ip addr`"
        raise UsageError(
            "invalid_lan_address",
            f"'{text}' is no address of this machine that a board can reach: give the one that it has in the "
            f"board's network ({there})",
        )
    return address


def own_address() -> str:
    """Return the address that this machine has where others are; empty where there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            asked.connect(_ELSEWHERE)
        except OSError:
            return ""
        return str(asked.getsockname()[0])


def _bound(address: str) -> str:
    """Return what a socket is bound to that is given an address; empty where it is not this machine's."""
    try:
        ((family, _, _, _, found), *_) = socket.getaddrinfo(address, 0, type=socket.SOCK_STREAM)
        with socket.socket(family, socket.SOCK_STREAM) as tried:
            tried.bind(found)
            return str(tried.getsockname()[0])
    except OSError:
        return ""


def _of_interface(name: str) -> str:
    """Return the IPv4 address of an interface; empty where none has that name, or it has no address."""
    if name not in {one for _, one in socket.if_nameindex()}:
        return ""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            told = fcntl.ioctl(asked.fileno(), _GET_ADDRESS, struct.pack("256s", name.encode()))
        except OSError:
            return ""
    return socket.inet_ntoa(told[20:24])

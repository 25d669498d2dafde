"""The sockets that a service listens at, opened before anything is started for it."""

import errno
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final

from search_spaces.errors import UsageError

BACKLOG: Final = 2048
"""Connections that may wait to be taken; as many as uvicorn has."""

_NOT_HERE: Final = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
"""What an address of another machine gives, and one of a family that is switched off."""


@contextmanager
def listening(host: str, port: int) -> Iterator[list[socket.socket]]:
    """Listen at every address of this machine that a host stands for, at one port.

    Args:
        host: Address or name.
        port: 0 for any that is free.

    Raises:
        UsageError: `invalid_address` where none is an address of this machine, `port_taken` or
            `port_not_allowed`.
    """
    with ExitStack() as opened:
        sockets: list[socket.socket] = []
        for family, address in _addresses(host):
            # What the first was given is the port of all.
            at = sockets[0].getsockname()[1] if sockets else port
            try:
                sockets.append(opened.enter_context(_listening(family, (address[0], at, *address[2:]))))
            except OSError as error:
                if error.errno not in _NOT_HERE:
                    raise _refused(error, host, at) from error
        if not sockets:
            raise UsageError(
                "invalid_address",
                f"'{host}' is no address of this machine: give one that it has (`ip addr` shows all), "
                "or none for 127.0.0.1",
            )
        yield sockets


def _addresses(host: str) -> list[tuple[int, tuple[Any, ...]]]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError):
        return []
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


def _listening(family: int, address: tuple[Any, ...]) -> socket.socket:
    one = socket.socket(family, socket.SOCK_STREAM)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind(address)
        one.listen(BACKLOG)
    except OSError:
        one.close()
        raise
    return one


def _refused(error: OSError, host: str, port: int) -> Exception:
    if error.errno == errno.EADDRINUSE:
        told = f"port {port} of {host} is taken: give another (`--port`), or 0 for any that is free"
        return UsageError("port_taken", told)
    if error.errno in (errno.EACCES, errno.EPERM):
        told = f"you may not listen at port {port} of {host}: give one from 1024 on (`--port`)"
        return UsageError("port_not_allowed", told)
    return error

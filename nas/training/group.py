"""Workers that train one network together: what they add up, and how they reach each other.

The sums go over plain sockets in the calling thread. Each batch norm asks for two sums of a few hundred
numbers in each step; gloo takes a millisecond of processor time for one, a socket sixteen microseconds
(`docs/decisions/0010-tasks-and-ray.md`).
"""

import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener
from typing import Any, Final, Protocol, final

import torch
from torch import Tensor

from search_spaces.errors import ComputeError

Address = tuple[str, int]


class Group(Protocol):
    """The workers of a training, seen from one of them."""

    @property
    def rank(self) -> int:
        """Number of this worker; number 0 speaks for all."""

    @property
    def size(self) -> int:
        """How many there are."""

    def sum_(self, values: Tensor) -> None:
        """Replace values by their sum over all workers, the same bits for each.

        Every worker has to call this at the same point.

        Raises:
            ComputeError: `node_lost`: another worker is gone.
        """


@final
class _Alone:
    """One worker."""

    rank = 0
    size = 1

    def sum_(self, values: Tensor) -> None:
        """Leave the values as they are."""


ALONE: Final[Group] = _Alone()


@final
class SocketGroup:
    """Workers in a star: number 0 adds up, in the order of the numbers, and tells the others.

    Args:
        rank: Number of this worker.
        peers: Connections: to all others in their order for number 0, to number 0 for the others.
        size: How many workers there are.
    """

    def __init__(self, rank: int, peers: "list[Connection[Any, Any]]", size: int) -> None:
        self.rank = rank
        self.size = size
        self._peers = peers

    def sum_(self, values: Tensor) -> None:
        """Replace values by their sum over all workers.

        Raises:
            ComputeError: `node_lost`.
        """
        content = _memory(values)
        try:
            if self.rank:
                self._peers[0].send_bytes(content)
                self._peers[0].recv_bytes_into(content)
                return
            theirs = torch.empty_like(values)
            for peer in self._peers:
                peer.recv_bytes_into(_memory(theirs))
                values.add_(theirs)
            for peer in self._peers:
                peer.send_bytes(content)
        except (EOFError, OSError) as error:
            raise ComputeError(
                "node_lost", f"another worker of the training is gone ({error!r}): run it again"
            ) from error


@final
class Meeting:
    """Where number 0 waits for the others.

    Args:
        host: Address of this machine that the others reach; nothing else is listened on.
        key: That they have to know.
    """

    def __init__(self, host: str, key: bytes) -> None:
        self._listener = Listener((host, 0), backlog=64, authkey=key)

    @property
    def address(self) -> Address:
        """What the others are given."""
        host, port = self._listener.address
        return str(host), int(port)

    @contextmanager
    def group(self, size: int) -> Iterator[Group]:
        """Wait for all others; close the connections at the end."""
        found: dict[int, Connection[Any, Any]] = {}
        try:
            while len(found) < size - 1:
                try:
                    peer = self._listener.accept()
                except (AuthenticationError, EOFError, OSError):
                    continue  # somebody else than a worker
                _send_at_once(peer)
                found[int.from_bytes(peer.recv_bytes())] = peer
            yield SocketGroup(0, [found[rank] for rank in sorted(found)], size)
        finally:
            self._listener.close()
            for peer in found.values():
                peer.close()


@contextmanager
def join_group(address: Address, key: bytes, rank: int, size: int) -> Iterator[Group]:
    """Join number 0 as another worker; close the connection at the end.

    Raises:
        ComputeError: `node_lost`: it is not there any more.
    """
    try:
        peer = Client(address, authkey=key)
    except (EOFError, OSError) as error:
        raise ComputeError("node_lost", f"the first worker of the training is gone ({error})") from error
    with peer:
        _send_at_once(peer)
        peer.send_bytes(rank.to_bytes(4))
        yield SocketGroup(rank, [peer], size)


def share_of(group: Group, num_images: int) -> slice:
    """Return which images of a batch are this worker's."""
    start, stop = (num_images * (group.rank + ahead) // group.size for ahead in (0, 1))
    return slice(start, stop)


def told(group: Group, value: float) -> list[float]:
    """Return what each worker says, in the order of their numbers."""
    values = torch.zeros(group.size, dtype=torch.float64)
    values[group.rank] = value
    group.sum_(values)
    return values.tolist()


def sum_gradients(group: Group, parameters: Iterable[Tensor]) -> None:
    """Replace each gradient by its sum over all workers; they all have gradients of the same parameters."""
    if group.size == 1:
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
    group.sum_(flat)
    for gradient, summed in zip(gradients, flat.split([each.numel() for each in gradients]), strict=True):
        gradient.copy_(summed.view(gradient.shape))


def _memory(values: Tensor) -> memoryview:
    assert values.is_contiguous(), "what is sent is the memory of the tensor"
    return values.detach().numpy().data.cast("B")


def _send_at_once(peer: "Connection[Any, Any]") -> None:
    """Do not wait for more to send: every sum is waited for."""
    with socket.socket(fileno=os.dup(peer.fileno())) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

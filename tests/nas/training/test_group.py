import socket
import threading
from multiprocessing import AuthenticationError

import pytest
import torch
from torch import Tensor

from nas.training.group import ALONE, Group, Meeting, join_group, share_of, sum_gradients, told
from search_spaces.errors import ComputeError
from tests.nas.training.together import KEY, together


def test_every_worker_gets_the_same_sum() -> None:
    def work(group: Group) -> Tensor:
        values = torch.arange(3.0) * (group.rank + 1)
        group.sum_(values)
        return values

    for summed in together(3, work):
        assert summed.tolist() == [0.0, 6.0, 12.0]


def test_each_worker_hears_what_the_others_say() -> None:
    assert together(3, lambda group: told(group, 10.0 * group.rank)) == [[0.0, 10.0, 20.0]] * 3
    assert told(ALONE, 7.0) == [7.0]


def test_shares_are_all_of_the_batch_and_nearly_equal() -> None:
    shares = together(3, lambda group: share_of(group, 11))
    assert [index for share in shares for index in range(11)[share]] == list(range(11))
    assert {share.stop - share.start for share in shares} == {3, 4}
    assert share_of(ALONE, 11) == slice(0, 11)


def test_gradients_are_summed_in_whatever_layout() -> None:
    def work(group: Group) -> list[Tensor]:
        wide = torch.zeros(2, 3, 2, 2).to(memory_format=torch.channels_last).requires_grad_()
        unused, flat = torch.zeros(4, requires_grad=True), torch.zeros(2, requires_grad=True)
        (wide * torch.arange(24.0).view(2, 3, 2, 2)).sum().backward()
        (flat * (group.rank + 1)).sum().backward()
        sum_gradients(group, [wide, unused, flat])
        assert unused.grad is None
        assert wide.grad is not None
        assert flat.grad is not None
        return [wide.grad, flat.grad]

    for wide, flat in together(2, work):
        assert torch.equal(wide, 2 * torch.arange(24.0).view(2, 3, 2, 2))
        assert flat.tolist() == [3.0, 3.0]


def test_a_worker_that_is_gone_is_an_error_of_the_others() -> None:
    def work(group: Group) -> str:
        if group.rank == 1:
            return "left"
        with pytest.raises(ComputeError) as caught:
            group.sum_(torch.zeros(1))
        return caught.value.fault

    assert together(2, work) == ["lost_node", "left"]


def test_who_does_not_know_the_key_is_no_worker() -> None:
    meeting = Meeting("127.0.0.1", KEY)
    found: list[int] = []

    def wait() -> None:
        with meeting.group(2) as group:
            found.append(int(sum(told(group, 1.0))))

    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    with pytest.raises(AuthenticationError), join_group(meeting.address, b"guessed", 1, 2):
        pass
    socket.create_connection(meeting.address).close()
    with join_group(meeting.address, KEY, 1, 2) as group:
        told(group, 1.0)
    waiting.join(10)
    assert found == [2]


def test_a_meeting_that_is_over_is_said() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = free.getsockname()
    with pytest.raises(ComputeError, match="first worker") as caught, join_group(address, KEY, 1, 2):
        pass
    assert caught.value.fault == "lost_node"

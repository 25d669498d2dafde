"""What is asked again, after which pauses, and what is said of it."""

from collections.abc import Callable, Collection

import pytest

from search_spaces.errors import HwnasError
from workers.agent_link import RefusedError, ServerAwayError
from workers.agent_patience import RESTLESS_S, Patience


class Patient:
    """Somebody with patience, and what befalls them."""

    def __init__(self, *, known: bool = False) -> None:
        self.lines: list[str] = []
        self.pauses: list[float] = []
        self.patience = Patience(self.lines.append, self.pauses.append, known)

    def asks(self, *answers: Exception | str, passing: Collection[str] = ()) -> str:
        """Ask until there is an answer."""
        return self.patience.again(answering(*answers), passing)


def answering(*answers: Exception | str) -> Callable[[], str]:
    """What gives some answers, one after another."""
    left = iter(answers)

    def ask() -> str:
        answer = next(left)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return ask


def test_pauses_are_drawn_below_a_bound_that_doubles_and_follow_what_is_asked() -> None:
    one = Patient()
    away = ServerAwayError("rate_limited", "too many", 7.0)
    assert one.asks(*[away] * 30, "there") == "there"
    drawn = [pause - 7.0 for pause in one.pauses]
    assert all(0 <= pause <= min(30.0, 0.5 * 2**number) for number, pause in enumerate(drawn))
    assert max(drawn[:4]) <= 4 < max(drawn)
    assert len(set(drawn)) == len(drawn) == 30
    assert one.lines == ["too many; tried again", "the service answers"], "each is said once"


@pytest.mark.parametrize(("code", "passing"), [("clock_wrong", ()), ("key_in_use", ["key_in_use"])])
def test_a_refusal_that_may_pass_is_waited_for(code: str, passing: Collection[str]) -> None:
    one = Patient()
    assert one.asks(RefusedError(code, "not now"), "there", passing=passing) == "there"
    assert RESTLESS_S <= one.pauses[0] <= RESTLESS_S + 0.5
    assert one.lines == [f"error[{code}]: not now", "the service answers"]


@pytest.mark.parametrize("code", ["not_authenticated", "key_in_use"])
def test_what_would_not_be_otherwise_is_told_at_once(code: str) -> None:
    one = Patient(known=True)
    with pytest.raises(RefusedError, match="for good"):
        one.asks(RefusedError(code, "for good"), "there")
    assert not one.pauses
    assert not one.lines


def test_a_stranger_in_the_place_of_the_service_is_waited_for_once_it_is_known() -> None:
    stranger = HwnasError("unexpected_answer", "status 404")
    assert Patient(known=True).asks(stranger, stranger, "there") == "there"
    with pytest.raises(HwnasError, match="404"):
        Patient().asks(stranger, "there")

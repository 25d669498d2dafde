"""How an agent asks: again while the service is away or a refusal may pass, and never all at once."""

import random
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Final, TypeVar

from search_spaces.errors import HwnasError
from workers.agent_link import ServerAwayError

FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0
RESTLESS_S: Final = 20.0
"""Pause where a refusal may pass, and after a batch that could not be measured."""

_MAY_PASS: Final = ("clock_wrong",)
_MAY_PASS_ONCE_KNOWN: Final = ("unexpected_answer",)
"""Something else answers in the place of a service that has answered before: a proxy that is being mended."""

Answer = TypeVar("Answer")


@dataclass
class Patience:
    """Asks, and says why it waits: each reason once.

    Attributes:
        say: Told what happens, a line each.
        pause: Waits for so many seconds.
        known: Whether the service has answered before.
    """

    say: Callable[[str], object]
    pause: Callable[[float], object]
    known: bool = False
    _said: str = field(default="", init=False)

    def again(self, ask: Callable[[], Answer], passing: Collection[str] = ()) -> Answer:
        """Return what asking gives, asking again while the service is away or a refusal may pass.

        Pauses are drawn at random below a bound that doubles, so that boards which were cut off together do
        not come back together; `Retry-After` comes on top.

        Args:
            ask: Asks once.
            passing: Codes of refusals that may pass where this is asked.

        Raises:
            HwnasError: What would not be otherwise the next time.
        """
        tries = 0
        while True:
            try:
                answer = ask()
            except ServerAwayError as error:
                at_least_s, why = error.pause_s, f"{error.message}; tried again"
            except HwnasError as error:
                if error.code not in (*_MAY_PASS, *(_MAY_PASS_ONCE_KNOWN if self.known else ()), *passing):
                    raise
                at_least_s, why = RESTLESS_S, f"error[{error.code}]: {error.message}"
            else:
                if tries:
                    self.say_once("the service answers")
                return answer
            self.say_once(why)
            bound = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(tries, 10))
            self.pause(at_least_s + random.uniform(0.0, bound))
            tries += 1

    def say_once(self, line: str) -> None:
        """Say a line, unless it was the last that was said so."""
        if line != self._said:
            self._said = line
            self.say(line)

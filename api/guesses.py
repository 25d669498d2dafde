"""Which keys that were not met before are looked up: a few wrong ones an address, then those that exist.

Public parts of keys stand in logs and lists, so whoever sends one with a wrong secret locks nobody out: what
is counted are keys that do not exist.
"""

import time
from typing import Final, final

from api.rate_limits import Buckets
from api.readiness import Readiness
from nas.store.key_store import DatabaseKeyStore

GUESSES: Final = 20.0
GUESSES_PER_S: Final = 0.5
"""Keys that do not exist, well formed, that are looked up for one address: at once, and for long."""

LISTED_S: Final = 2.0
"""For which the list of the keys that exist is used: a newer one waits so long where too many were wrong."""


@final
class Guesses:
    """Counts the keys of each address that do not exist.

    Args:
        keys: Where they are.
    """

    def __init__(self, keys: DatabaseKeyStore) -> None:
        self._keys = keys
        self._wrong = Buckets(GUESSES_PER_S, GUESSES)
        self._existing: frozenset[str] = frozenset()
        self._list_at = 0.0
        self._list = Readiness(self._list_existing)

    async def may_look_up(self, address: str, key_id: str) -> bool:
        """Return whether a key is to be looked up: however much is guessed, all are listed every `LISTED_S`.

        Raises:
            StoreError: Where the database does not answer, or not in time.
        """
        if self._wrong.has(address):
            return True
        if key_id not in self._existing and time.monotonic() >= self._list_at:
            await self._list.check()
        return key_id in self._existing

    def count(self, address: str) -> None:
        """Count a key of an address that does not exist."""
        self._wrong.take(address)

    def _list_existing(self) -> None:
        began = time.monotonic()
        self._existing = self._keys.ids()
        self._list_at = began + LISTED_S

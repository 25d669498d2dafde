"""Pairing: a code that is shown where the service runs lets one board in, and gives it a key of its own."""

import hashlib
import hmac
import secrets
import threading
from collections.abc import Callable
from typing import Final, final

from api.keys import KeyText, Scope
from latency_predictors.pairing_code import SECRET_BYTES
from nas.store.audit_log import Actor
from nas.store.key_store import DatabaseKeyStore
from search_spaces.errors import UsageError

MAX_WRONG: Final = 20
"""Wrong codes in a row after which nobody pairs any more: somebody guesses."""


@final
class Pairing:
    """The code that is open, if any, in this process alone. It works once, and then there is another.

    Args:
        keys: Where keys are made.
        tenant: Whose boards are let in.
    """

    def __init__(self, keys: DatabaseKeyStore, tenant: str) -> None:
        self._keys = keys
        self._tenant = tenant
        self._lock = threading.Lock()
        self._open = ""
        self._wrong = 0
        self._shown: Callable[[bytes], object] | None = None

    def show(self, shown: Callable[[bytes], object]) -> None:
        """Make a secret that lets one board in and have it shown; another one whenever that was used."""
        self._shown = shown
        secret = secrets.token_bytes(SECRET_BYTES)
        with self._lock:
            self._open = _digest(secret)
        shown(secret)

    def redeem(self, secret: bytes, name: str, request_id: str) -> str:
        """Return a key for a board; the secret is used up.

        Raises:
            UsageError: `pairing_refused`.
        """
        if not self._take(_digest(secret)):
            why = "this code is unknown or was used: `hwnas serve --lan` shows the one that works"
            if self._wrong >= MAX_WRONG:
                why = (
                    f"{MAX_WRONG} wrong codes came in a row, so somebody guesses and nobody pairs any more: "
                    "start `hwnas serve --lan` again"
                )
            raise UsageError("pairing_refused", why)
        actor = Actor(name, request_id=request_id)
        if self._shown is not None:
            self.show(self._shown)
        key, text = self._keys.create(self._tenant, name, [Scope.DEVICE.value], owner=name, actor=actor)
        return str(KeyText(key.id, text))

    def _take(self, digest: str) -> bool:
        with self._lock:
            if self._wrong < MAX_WRONG and hmac.compare_digest(self._open, digest):
                self._open, self._wrong = "", 0
                return True
            self._wrong += 1
            return False


def _digest(secret: bytes) -> str:
    return hashlib.sha256(secret).hexdigest()

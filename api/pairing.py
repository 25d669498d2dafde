"""Pairing: a code that is shown where the service runs lets one board in, and gives it a key of its own."""

import hashlib
import hmac
import secrets
import threading
from collections.abc import Callable
from typing import Final, final

from api.keys import KeyText, Scope
from latency_predictors.pairing_code import SECRET_BYTES
from nas.store.agent_store import DatabaseAgentStore, name_taken
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
        agents: Boards that there are.
        tenant: Whose boards are let in.
    """

    def __init__(self, keys: DatabaseKeyStore, agents: DatabaseAgentStore, tenant: str) -> None:
        self._keys = keys
        self._agents = agents
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

    def redeem(self, secret: bytes, name: str, instance: str, request_id: str) -> str:
        """Return a key for a board; the secret is used up.

        A board that has paired before gets another key: the one before ends once it registers.

        Args:
            secret: Of the code.
            name: What specifications are to call the board.
            instance: Of the agent's installation.
            request_id: Of the request.

        Raises:
            UsageError: `pairing_refused`; `device_name_taken` where another board has the name, with a
                key that is good: the secret still works.
        """
        with self._lock:
            self._check(_digest(secret))
            before = self._before(name, instance)
            self._open, self._wrong = "", 0
        actor = Actor(name, request_id=request_id)
        if self._shown is not None:
            self.show(self._shown)
        key, text = self._keys.create(
            self._tenant, name, [Scope.DEVICE.value], owner=name, replaces=before, actor=actor
        )
        return str(KeyText(key.id, text))

    def _check(self, digest: str) -> None:
        if self._wrong < MAX_WRONG and hmac.compare_digest(self._open, digest):
            return
        self._wrong += 1
        why = "this code is unknown or was used: `hwnas serve --lan` shows the one that works"
        if self._wrong >= MAX_WRONG:
            why = (
                f"{MAX_WRONG} wrong codes came in a row, so somebody guesses and nobody pairs any more: "
                "start `hwnas serve --lan` again"
            )
        raise UsageError("pairing_refused", why)

    def _before(self, name: str, instance: str) -> str:
        """Return the key that a board has, empty where it is new."""
        known = self._agents.find(self._tenant, name)
        if known is None:
            return ""
        if known.instance != instance and self._keys.is_good(known.key_id):
            raise name_taken(name, known.key_id)
        return known.key_id


def _digest(secret: bytes) -> str:
    return hashlib.sha256(secret).hexdigest()

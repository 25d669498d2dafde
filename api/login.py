"""The way into a browser on the same machine: a link that works once, printed by `hwnas serve`."""

import secrets
import threading
from typing import Final, final

from fastapi import Request, Response

from api.keys import KeyText, Scope
from api.security import COOKIE, AccessError
from nas.store.audit_log import Actor
from nas.store.key_store import DatabaseKeyStore

SESSION_MS: Final = 30 * 24 * 3_600_000
"""Of a browser's session."""


@final
class LoginLinks:
    """The links that this process has printed and nobody has followed yet."""

    def __init__(self, keys: DatabaseKeyStore, tenant: str) -> None:
        self._keys = keys
        self._tenant = tenant
        self._lock = threading.Lock()
        self._open: set[str] = set()

    def make(self) -> str:
        """Return the token of a new link."""
        token = secrets.token_urlsafe(24)
        with self._lock:
            self._open.add(token)
        return token

    def follow(self, token: str, request_id: str = "") -> str:
        """Return the key of a new session; the link is used up.

        Args:
            token: Of the link.
            request_id: Of the request, for the log of changes.

        Raises:
            AccessError: `login_used` where the link is none, or was followed before.
        """
        with self._lock:
            known = token in self._open
            self._open.discard(token)
        if not known:
            raise AccessError(
                "login_used",
                "this link was followed before, or is another server's: start `hwnas serve` again",
            )
        key, secret = self._keys.create(
            self._tenant,
            "browser",
            [scope.value for scope in Scope],
            lifetime_ms=SESSION_MS,
            actor=Actor("browser", request_id=request_id),
        )
        return str(KeyText(key.id, secret))


def keep_session(answer: Response, key: str, request: Request, root: str) -> None:
    """Have a browser keep the key of its session, and send it to this server alone.

    Args:
        answer: To the browser.
        key: Of the session.
        request: Of the browser.
        root: Prefix under which a proxy has put this server.
    """
    answer.set_cookie(
        COOKIE,
        key,
        max_age=SESSION_MS // 1000,
        path=root or "/",
        httponly=True,
        # Links to pages are passed around: following one from elsewhere keeps the session. What changes
        # something is refused to other sites whatever they send (`cross_site`).
        samesite="lax",
        secure=request.url.scheme == "https",
    )

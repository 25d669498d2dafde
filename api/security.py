"""Who asks, and whether they may: by key, or by the session of a browser on this machine.

Each operation names the scope that it needs in its signature (`who: Reader`); one that names none is refused
when the application is made. Nothing is decided by paths, hosts or prefixes of either.
"""

import asyncio
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final, final

from fastapi import Depends, FastAPI, Request
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from api.guesses import Guesses
from api.keys import Scope, read_key
from api.rate_limits import Buckets
from api.readiness import LOOK_S, Readiness, unanswered
from api.together import Together
from nas.store.audit_log import Actor
from nas.store.key_store import DatabaseKeyStore, FoundKey, StoredKey, is_secret
from search_spaces.errors import UsageError

COOKIE: Final = "hwnas_session"
REMEMBERED_S: Final = 2.0
"""A revoked key is good for so long at most: checked keys are remembered, and asked for again together."""

FORGOTTEN_S: Final = 120.0
"""A key that nobody has come with for so long is checked anew."""

BURST_S: Final = 4.0
"""A key may make the requests of so many seconds at once."""

LOOKED_UP: Final = 100
"""Keys that are looked up by one call, at most."""

SAFE_METHODS: Final = ("GET", "HEAD", "OPTIONS")
PUBLIC: Final = frozenset(
    {
        "/livez",
        "/readyz",
        "/login",
        "/sign-in",
        "/v1/agents/pair",
        "/static/{release}/{name}",
        "/errors",
        "/errors/{code}",
    }
)
"""Templates of operations that need no key. Each is named here and nowhere else."""


class AccessError(UsageError):
    """Whoever asks is unknown, or may not."""


@dataclass(frozen=True)
class Principal:
    """Who asks.

    Attributes:
        tenant: Whose objects they see: an argument of every query.
        owner: Under which name they act.
        key_id: Of their key.
    """

    tenant: str
    owner: str
    key_id: str
    scopes: frozenset[str]

    def actor(self, request: Request) -> Actor:
        """Return as whom they change something, for the log of changes."""
        return Actor(self.owner, self.key_id, request.state.request_id)

    def may(self, scope: Scope) -> bool:
        """Whether they may do what needs a scope."""
        return bool({scope, Scope.ADMIN} & self.scopes)


@dataclass
class _Known:
    """A key that was good, and when somebody came with it."""

    who: Principal
    came: float


@final
class Gate:
    """Checks keys and how often each asks; remembers for moments which keys were good.

    All that are remembered are asked for again in one query: a thousand boards, each with a key that it comes
    with every few seconds, cost no more. One thread asks and one looks up what is unknown; all others wait
    without one, and not for long: a database that hangs does not take what needs none with it.

    What is kept of the secret of a key that was met stays in memory: a wrong secret costs no query, and is
    counted against nobody.

    Args:
        keys: Where they are.
        requests_per_s: That one key may make for long.
    """

    def __init__(self, keys: DatabaseKeyStore, requests_per_s: float) -> None:
        self._keys = keys
        self._lock = threading.Lock()
        self._known: dict[str, _Known] = {}
        self._good_until = self._ask_at = 0.0
        self._met: dict[str, str] = {}  # what is kept of their secrets; of one that is over nothing
        self._again = Readiness(self._ask_again)
        self._unknown = Together(self._find, asyncio.Lock(), LOOKED_UP, gather_s=0.0)
        self._guesses = Guesses(keys)
        self._requests = Buckets(requests_per_s, requests_per_s * BURST_S)

    async def principal(self, text: str, address: str) -> Principal | None:
        """Return whose key it is, None where it is nobody's.

        Args:
            text: The key.
            address: Where it came from.

        Raises:
            AccessError: `rate_limited` where too many keys that do not exist came from there.
            StoreError: Where the database does not answer, or not in time.
        """
        read = read_key(text)
        if read is None:
            return None
        if (who := await self._asked_again(text)) is not None:
            return who
        met = self._met.get(read.id)
        if met is not None and not is_secret(read.secret, met):
            return None
        if met is None and not await self._guesses.may_look_up(address, read.id):
            raise AccessError(
                "rate_limited", "too many wrong keys came from there: wait, then send a right one"
            )
        found = await self._looked_up(read.id)
        if found is None:
            self._guesses.count(address)
            return None
        self._met[read.id] = found.secret_digest if found.good else ""
        if not is_secret(read.secret, self._met[read.id]):
            return None
        return self._remember(text, _principal(found.key))

    def hold_back(self, who: Principal) -> None:
        """Refuse a request of whoever makes too many.

        Raises:
            AccessError: `rate_limited`.
        """
        if not self._requests.take(who.key_id):
            raise AccessError("rate_limited", "this key asks too often: wait a second (HWNAS_REQUESTS_PER_S)")

    def remembered(self, text: str) -> Principal | None:
        """Return whose key it is where it was good a moment ago; nobody is asked.

        After half of `REMEMBERED_S` one of those who come is told nothing, and with that to ask, while others
        go on.
        """
        # In this order: what is known is never older than the time until which it is good.
        now, good_until = time.monotonic(), self._good_until
        known = self._known.get(text)
        if known is None or now >= good_until:
            return None
        if now >= self._ask_at:
            self._ask_at = good_until
            return None
        known.came = now
        return known.who

    async def _asked_again(self, text: str) -> Principal | None:
        """Return whose key it is where it was known and still is good: all that are known are asked for."""
        if text in self._known and time.monotonic() >= self._good_until - REMEMBERED_S / 2:
            await self._again.check()
        known = self._known.get(text)
        return known.who if known else None

    def _ask_again(self) -> None:
        """Forget what is known and no longer good; called in a thread, which waits without the lock."""
        now = time.monotonic()
        with self._lock:
            known = list(self._known.items())
        recent = [one.who.key_id for _, one in known if one.came > now - FORGOTTEN_S]
        good = self._keys.good_among(recent)
        with self._lock:
            for text, one in known:
                if one.who.key_id not in good:
                    self._known.pop(text, None)
            self._good_until, self._ask_at = now + REMEMBERED_S, now + REMEMBERED_S / 2

    async def _looked_up(self, key_id: str) -> FoundKey | None:
        try:
            async with asyncio.timeout(LOOK_S):
                return await self._unknown.ask(key_id)
        except TimeoutError as error:
            raise unanswered() from error

    def _find(self, key_ids: Sequence[str]) -> list[FoundKey | None]:
        found = self._keys.find(key_ids)
        return [found.get(key_id) for key_id in key_ids]

    def _remember(self, text: str, who: Principal) -> Principal:
        with self._lock:
            self._known[text] = _Known(who, time.monotonic())
        return who


_NO_KEY: Final = "send a key: `Authorization: Bearer hwnas_...`; `hwnas keys create` makes one"
_NO_KEY_OF_BOARD: Final = (
    "send a key that is good; where this one has ended, pair the board again (`hwnas agent --pair CODE`, the "
    "code is shown by `hwnas serve --lan`), or make another one (`hwnas keys create NAME --scope device`)"
)


class Needs:
    """A dependency that lets through whoever has a scope."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    async def __call__(self, request: Request) -> Principal:
        """Return who asks.

        Raises:
            AccessError: `not_authenticated`, `not_allowed`, `cross_site` or `rate_limited`.
        """
        text, by_cookie = _credentials(request)
        gate: Gate = request.app.state.service.gate
        who = gate.remembered(text)
        if who is None and text:
            address = request.client.host if request.client else ""
            who = await gate.principal(text, address)
        if who is None:
            raise AccessError(
                "not_authenticated", _NO_KEY_OF_BOARD if self.scope is Scope.DEVICE else _NO_KEY
            )
        gate.hold_back(who)
        if by_cookie and request.method not in SAFE_METHODS and not same_site(request):
            raise AccessError("cross_site", "a page of another site may not change anything here")
        if not who.may(self.scope):
            raise AccessError("not_allowed", f"this needs a key with scope '{self.scope}'")
        request.state.principal = who
        return who


Reader = Annotated[Principal, Depends(Needs(Scope.READ))]
Submitter = Annotated[Principal, Depends(Needs(Scope.SUBMIT))]
DeviceKey = Annotated[Principal, Depends(Needs(Scope.DEVICE))]
Admin = Annotated[Principal, Depends(Needs(Scope.ADMIN))]
Watcher = Annotated[Principal, Depends(Needs(Scope.METRICS))]


def check_guarded(app: FastAPI) -> None:
    """Refuse an application with an operation that asks for no scope and is not named as public."""
    for route in app.routes:
        assert is_public(route) or scopes_of(route), f"{route} needs a scope, or a place in PUBLIC"


def is_public(route: BaseRoute) -> bool:
    """Whether a route is named as one that needs no key."""
    return getattr(route, "path", "") in PUBLIC


def scopes_of(route: BaseRoute) -> set[Scope]:
    """Return the scopes that a route needs."""
    if not isinstance(route, APIRoute):
        return set()
    calls = [dependency.call for dependency in route.dependant.dependencies]
    return {call.scope for call in calls if isinstance(call, Needs)}


def _credentials(request: Request) -> tuple[str, bool]:
    """Return the key that came with a request, and whether a browser sent it by itself."""
    kind, _, text = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return text.strip(), False
    return request.cookies.get(COOKIE, ""), True


def same_site(request: Request) -> bool:
    """Whether a page of this server, or nobody's page, makes a request."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is not None and origin == f"{request.url.scheme}://{request.headers.get('host')}"


def _principal(key: StoredKey) -> Principal:
    return Principal(key.tenant, key.owner, key.id, frozenset(key.scopes))

"""Requests that are almost right: each is one that succeeds with something in it changed at random.

They cost no generator, so that there can be very many; the contract is held against every answer.
"""

import asyncio
import json
import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode

from tests.api.asgi import Sent, ask
from tests.api.found import Found
from tests.api.promises import Promises
from tests.api.world import BODIES, World, operations

TEXTS: Final = (
    "",
    "none",
    "latest",
    "\0",
    "\ud800",
    "a\r\nb",
    "../../etc/passwd",
    "<script>alert(1)</script>",
    "'; DROP TABLE jobs; --",
    "{0.__class__}",
    "\u202ex",
    "%00",
    "x" * 300,
    "9" * 40,
    "1e999",
    "true",
    "host",
    "digits",
)
VALUES: Final[tuple[Any, ...]] = (
    *TEXTS,
    None,
    True,
    -1,
    0,
    1,
    2,
    0.5,
    2**31,
    2**53,
    2**63 - 1,
    2**63,
    10**4000,
    1e308,
    -0.0,
    float("nan"),
    float("-inf"),
    [],
    {},
    [[[[]]]],
    {"name": "digits"},
)
KINDS: Final = ("application/json", "text/plain", "application/zip", "application/x-www-form-urlencoded", "")
HEADERS: Final = (
    "content-type",
    "idempotency-key",
    "last-event-id",
    "hwnas-agent-protocol",
    "x-request-id",
    "content-length",
    "cookie",
)
HEAVY: Final = re.compile(r".*/(bundle|preview|predictions|tables|metrics|devices|devices/[^/]+)")
"""Addresses whose answers take ten times as long as others."""

SELDOM: Final = 0.05
"""How often they are asked, beside others."""


def bases(world: World) -> list[Sent]:
    """A request of each documented operation that succeeds."""
    found = []
    for one in operations(world.api.app):
        if one.route.include_in_schema:
            path, _, query = world.path(one).partition("?")
            body = BODIES.get(one.name)
            packed = isinstance(body, bytes)
            kind = b"application/zip" if packed else b"application/json"
            content = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
            own = ((b"content-type", kind),) if one.method == "POST" else ()
            found.append(Sent(one.method, path, query.encode(), own, content if own else b""))
    return found


def send_mutated(world: World, among: Sequence[Sent], count: int, number: int = 0) -> Found:
    """Send so many requests.

    Args:
        world: That answers.
        among: What is changed, each as often as any other.
        count: How many.
        number: Of the sequence: the same one gives the same requests.
    """
    found, promises = Found(), Promises(world.api.app.openapi())
    changed = mutations(among, list(world.values.values()), random.Random(number))

    async def send() -> None:
        for _ in range(count):
            sent = next(changed)
            begun = time.perf_counter()
            got = await ask(world.api.app, sent, world.api.key)
            found.note(got.operation, got.status, time.perf_counter() - begun)
            if why := promises.broken(got):
                found.failures.append(f"{why}: {sent}"[:2_000])

    asyncio.run(send())
    return found


def mutations(among: Sequence[Sent], names: Sequence[str], rng: random.Random) -> Iterator[Sent]:
    """Yield requests without end, each of them one of some with one or two things changed."""
    while True:
        for one in among:
            if HEAVY.fullmatch(one.path) and rng.random() > SELDOM:
                continue
            for _ in range(rng.choice((1, 1, 1, 2))):
                one = rng.choice(WAYS)(one, names, rng)
            yield one


def _path(sent: Sent, names: Sequence[str], rng: random.Random) -> Sent:
    parts = sent.path.split("/")
    place = rng.randrange(1, len(parts))
    parts[place] = rng.choice((*names, *TEXTS, *parts[1:])).encode(errors="replace").decode()
    return _with(sent, path="/".join(parts))


def _query(sent: Sent, names: Sequence[str], rng: random.Random) -> Sent:
    pairs = parse_qsl(sent.query.decode("latin-1"), keep_blank_values=True)
    filters = ("state", "device", "space", "target", "name")
    known = ("limit", "cursor", "after", *filters, "preset", "num_classes", "in_channels")
    name = rng.choice((*known, *(name for name, _ in pairs)))
    value = str(rng.choice((*VALUES, *names)))[:400]
    if rng.random() < 0.5:
        pairs = [one for one in pairs if one[0] != name]
    text = urlencode([*pairs, (name, value)], quote_via=quote, errors="replace")
    return _with(sent, query=text.encode())


def _header(sent: Sent, names: Sequence[str], rng: random.Random) -> Sent:
    name = rng.choice(HEADERS)
    value = rng.choice(KINDS if name == "content-type" else (*names, *TEXTS))
    plain = value.encode("latin-1", errors="replace").translate(None, b"\0\r\n")
    kept = tuple(one for one in sent.headers if one[0] != name.encode())
    return _with(sent, headers=(*kept, (name.encode(), plain)))


def _document(sent: Sent, names: Sequence[str], rng: random.Random) -> Sent:
    try:
        document = json.loads(sent.body)
    except ValueError:
        return _bytes(sent, names, rng)
    return _with(sent, body=json.dumps(_changed(document, rng)).encode())


def _bytes(sent: Sent, names: Sequence[str], rng: random.Random) -> Sent:
    body = bytearray(sent.body)
    begin = rng.randrange(len(body) + 1)
    body[begin : begin + rng.choice((0, 1, 1, 8))] = rng.choice((b"", b"\0", b"\xff", b"[" * 200, b"}", b"1"))
    return _with(sent, body=bytes(body))


def _twice(sent: Sent, names: Sequence[str], rng: random.Random) -> Sent:
    return _with(sent, body=sent.body.replace(b"{", b'{"name": 1, "name": 2, ', 1))


WAYS: Final[tuple[Callable[[Sent, Sequence[str], random.Random], Sent], ...]] = (
    *(_path, _query, _header) * 2,
    *(_document,) * 6,
    _bytes,
    _twice,
)


def _with(sent: Sent, **changed: Any) -> Sent:
    return Sent(**{**vars(sent), **changed})


def _changed(value: Any, rng: random.Random) -> Any:
    """A document with one place in it changed."""
    luck = rng.random()
    if isinstance(value, dict) and value and luck < 0.9:
        name = rng.choice(list(value))
        if luck < 0.1:
            return {other: one for other, one in value.items() if other != name}
        if luck < 0.2:
            return {**value, rng.choice(("unknown", "", "name", "device")): rng.choice(VALUES)}
        return {**value, name: _changed(value[name], rng)}
    if isinstance(value, list) and value and luck < 0.9:
        place = rng.randrange(len(value))
        if luck < 0.2:
            return [*value, *value]
        return [*value[:place], _changed(value[place], rng), *value[place + 1 :]]
    if isinstance(value, int | float) and luck < 0.5:
        return rng.choice((value + 1, -value, value * 2, value * 1_000, 0.5))
    return rng.choice(VALUES)

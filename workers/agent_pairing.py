"""How a board knows its service: by an address and a key, or by a code that it was paired with."""

import sys
from typing import Final

from pydantic import ValidationError

from latency_predictors.pairing_code import Pair, Paired, read_code
from search_spaces.errors import UsageError
from workers.agent_address import safe_address
from workers.agent_home import AgentHome, KnownServer
from workers.agent_link import Link, Server

FROM_STDIN: Final = "-"
"""In the place of a code: the service is told on standard input, where nobody else can read it."""


def server_of(
    home: AgentHome, name: str, *, url: str, token: str, code: str, plain_http: bool = False
) -> Server:
    """Return the service to work for; a code is used up, and what it gave is kept.

    Args:
        home: Of the agent.
        name: What specifications are to call the board.
        url: Address, with
        token: a key; without one where the service of a board that was paired before has another address now.
            Both empty where it has not, or where the board is paired now with
        code: which was shown where the service runs; or `FROM_STDIN`.
        plain_http: Whether an address elsewhere may be one without encryption.

    Raises:
        UsageError: `conflicting_options`, `no_server_known`, `malformed_code`, `pairing_refused`,
            `certificate_unknown`, `invalid_server` or `plain_http`; `device_name_taken` where another board
            has the name. What was known of a service before is kept then.
    """
    token = token.strip()  # a key that was read from a file ends with that file's line
    if code == FROM_STDIN:
        return _told(home)
    if code and (url or token):
        raise UsageError("conflicting_options", "--pair stands for --server and --token: give the code alone")
    if code:
        return _paired(home, name, code)
    if url and token:
        return Server(safe_address(url, plain_http=plain_http), token)
    known = home.paired()
    if known is None or token:
        raise UsageError(
            "no_server_known",
            "give --server and --token, or --pair with a code that `hwnas serve --lan` shows; once paired, "
            "neither is needed",
        )
    if url:
        known = _moved(home, known, url, plain_http)
    return Server(safe_address(known.url, plain_http=plain_http), known.key, known.fingerprint)


def _moved(home: AgentHome, known: KnownServer, url: str, plain_http: bool) -> KnownServer:
    """Keep the address that a service has now: it still is the one with that certificate, and no other."""
    if known.fingerprint and not url.startswith("https://"):
        raise UsageError(
            "invalid_server",
            f"this board has paired with a service that encrypts: its address begins with https, '{url}' not",
        )
    moved = known.model_copy(update={"url": safe_address(url, plain_http=plain_http)})
    home.pair(moved)
    return moved


def _told(home: AgentHome) -> Server:
    """Return the service that a line of standard input tells, as `hwnas devices add` writes it; keep it."""
    try:
        known = KnownServer.model_validate_json(sys.stdin.readline())
    except ValidationError as error:
        raise UsageError(
            "malformed_code", "standard input tells no service: use `hwnas devices add`"
        ) from error
    home.pair(known)
    return Server(known.url, known.key, known.fingerprint)


def _paired(home: AgentHome, name: str, text: str) -> Server:
    code = read_code(text)
    fingerprint = code.fingerprint.hex()
    asked = Pair(secret=code.secret.hex(), name=name, instance=home.instance)
    key = Link(Server(code.url, "", fingerprint)).post("agents/pair", asked, Paired).key
    home.pair(KnownServer(url=code.url, key=key, fingerprint=fingerprint))
    return Server(code.url, key, fingerprint)

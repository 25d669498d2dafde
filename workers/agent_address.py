"""Addresses of a service that a board may send its key to."""

from urllib.parse import SplitResult, urlsplit

from latency_predictors.loopback import is_loopback
from search_spaces.errors import UsageError


def read_address(url: str) -> SplitResult:
    """Return an address of a service in its parts.

    Raises:
        UsageError: `invalid_server`.
    """
    try:
        read = urlsplit(url)
        sound = bool(read.hostname) and read.port != 0 and read.username is None
    except ValueError:
        read, sound = SplitResult("", "", "", "", ""), False
    if not sound or read.scheme not in ("http", "https"):
        raise UsageError(
            "invalid_server", "an address of a service is http:// or https:// with a host and a port"
        )
    return read


def safe_address(url: str, *, plain_http: bool) -> str:
    """Return an address that a key may be sent to.

    Without encryption whoever is on the way reads the key, and decides which files the board runs.

    Args:
        url: Of a service.
        plain_http: Whether somebody has said that the line is safe.

    Raises:
        UsageError: `plain_http`, or as `read_address`.
    """
    address = read_address(url)
    if address.scheme == "http" and not plain_http and not is_loopback(str(address.hostname)):
        raise UsageError(
            "plain_http",
            f"a key sent to {url} can be read on the way, and files for the board be exchanged: use an "
            "address with https, or --pair with a code of `hwnas serve --lan`; where the cable is yours "
            "alone, add --plain-http",
        )
    return url

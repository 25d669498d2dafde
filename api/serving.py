"""`hwnas serve`: the service on this machine, with a worker beside it."""

import asyncio
import gc
import ipaddress
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final, NoReturn, final

import uvicorn
from fastapi import FastAPI
from rich.text import Text

from api.app import create_app
from api.certificates import Certificate, own_certificate
from api.hosts import in_address
from api.json_lines import logged
from api.lan import lan_address
from api.listening import listening
from api.request_heads import HeadLimits
from api.state import Service
from api.worker_beside import worker_beside
from latency_predictors.loopback import is_loopback
from latency_predictors.pairing_code import FINGERPRINT_BYTES, PairingCode
from nas.results import Document
from nas.settings import Settings
from nas.store.stores import opened_stores
from search_spaces.errors import UsageError

MOST_OPEN: Final = 65_536
"""Connections and files of this process, where the system allows so many."""

SELDOM: Final = 200
"""How many times the collector looks through what is younger before it looks through everything."""

STREAMS_END_S: Final = 2
"""Open streams are cut off after so long; whoever listens goes on with another replica."""


class Served(Document):
    """A service that has ended."""

    address: str

    def __rich__(self) -> Text:
        """Say so."""
        return Text(f"the service at {self.address} has ended; jobs go on with the next worker")


def serve(
    settings: Settings,
    host: str,
    port: int,
    *,
    worker: bool = True,
    root_path: str = "",
    hosts: tuple[str, ...] = (),
    lan: str = "",
    proxy: str = "",
) -> Served:
    """Serve until Ctrl-C or SIGTERM.

    Args:
        settings: Where things are kept.
        host: Address to listen at. Elsewhere than on loopback only where keys have been made.
        port: To listen at; 0 for any that is free.
        worker: Whether a worker runs beside.
        root_path: Prefix under which a proxy puts this server; the proxy takes it away.
        hosts: Names that requests may give as their host.
        lan: An interface or its address, in the place of `host`: encrypted with a certificate of our own,
            which boards know by the code that is shown.
        proxy: Address or network of a proxy that is believed who asks, and whether encrypted.

    Raises:
        UsageError: `keys_needed`, `invalid_lan_address`, `invalid_proxy`, or what `listening` raises.
    """
    lan = lan_address(lan) if lan else ""
    with opened_stores(settings) as stores:
        host = lan or host
        if not lan and not is_loopback(host) and not stores.keys.list_all(settings.tenant):
            raise UsageError(
                "keys_needed",
                f"{host} can be reached from other machines: make a key first (`hwnas keys create NAME`)",
            )
        certificate = own_certificate(settings.home / "tls", lan) if lan else None
        app = create_app(settings, stores, hosts=(host, *hosts))
        root = "/".join(["", *filter(None, root_path.split("/"))])
        config = server_config(app, host, port, root, certificate, proxy=_network(proxy))
        server = _Server(config, app.state.service, certificate.fingerprint if certificate else "")
        with (
            _ended_by_sigterm(),
            listening(host, port) as sockets,
            logged(sys.stderr),
            worker_beside(settings) if worker else _nobody(),
        ):
            allow_connections()
            server.run(sockets)
        return Served(address=server.address)


def server_config(
    app: FastAPI,
    host: str,
    port: int,
    root_path: str = "",
    certificate: Certificate | None = None,
    *,
    proxy: str = "",
) -> uvicorn.Config:
    """Return how an application is served; encrypted where there is a certificate.

    Without a proxy, what a request says about who sent it (`X-Forwarded-For`, `X-Forwarded-Proto`) is not
    believed: anybody can write it.
    """
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        root_path=root_path,
        http=HeadLimits,
        ws="none",
        proxy_headers=bool(proxy),
        forwarded_allow_ips=proxy,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=STREAMS_END_S,
        timeout_keep_alive=30,
        ssl_certfile=certificate.path if certificate else None,
        ssl_keyfile=certificate.key_path if certificate else None,
    )


def _network(proxy: str) -> str:
    """Return an address or a network, if it is one."""
    try:
        return str(ipaddress.ip_network(proxy)) if proxy else ""
    except ValueError as error:
        told = f"'{proxy}' is no address: give the one that the proxy asks from, or its network (10.0.0.0/8)"
        raise UsageError("invalid_proxy", told) from error


@final
class _Server(uvicorn.Server):
    """Says where it is once it listens, and lets streams end before it waits for them."""

    def __init__(self, config: uvicorn.Config, service: Service, fingerprint: str = "") -> None:
        super().__init__(config)
        self._service = service
        self._fingerprint = fingerprint
        self._scheme = "https" if fingerprint else "http"
        self.address = f"{self._scheme}://{in_address(config.host)}:{config.port}"

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        """Listen, then say so."""
        await super().startup(sockets)  # type: ignore[arg-type]
        if not self.started:
            return
        keep_for_good()
        port = self.servers[0].sockets[0].getsockname()[1]
        self.address = f"{self._scheme}://{in_address(self.config.host)}:{port}"
        _tell(f"hwnas listens at {self.address}; Ctrl-C ends it")
        if is_loopback(self.config.host):
            _tell(self._invitation())
        _tell("other programs need a key: hwnas keys create NAME")
        if self._fingerprint:
            self._service.pairing.show(lambda secret: self._show_code(port, secret))

    def _invitation(self) -> str:
        """Return where a browser is logged in: where there is a prefix, by the proxy that takes it away."""
        root, token = self.config.root_path, self._service.links.make()
        if root:
            return f"open  {root}/login?token={token}  at the address of the proxy (works once)"
        return f"open  {self.address}/login?token={token}  (works once)"

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop, and have that be all: uvicorn would raise the signal once more when everything has ended."""
        super().handle_exit(sig, frame)
        self._captured_signals.clear()

    def _show_code(self, port: int, secret: bytes) -> None:
        """Show how the next board is let in."""
        start = bytes.fromhex(self._fingerprint)[:FINGERPRINT_BYTES]
        code = PairingCode(self.config.host, port, start, secret)
        _tell(f"on a board:  hwnas agent --pair {code}  (works once)")

    async def shutdown(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        """Have streams end, then stop."""
        self._service.closing.set()
        await asyncio.sleep(0)
        await super().shutdown(sockets)  # type: ignore[arg-type]


def allow_connections() -> None:
    """Let this process hold more connections than the thousand that is usual: every board keeps one."""
    _, allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_OPEN if allowed == resource.RLIM_INFINITY else min(allowed, MOST_OPEN)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, allowed))


def keep_for_good() -> None:
    """Have the collector pass over all that there is: it stays to the end.

    Looking through everything that was imported takes it a tenth of a second, in which nobody is answered.
    What a thousand open connections hold takes half of that: all of it is looked through once in `SELDOM`
    times that the younger part is.
    """
    gc.collect()
    gc.freeze()
    newest, newer, _ = gc.get_threshold()
    gc.set_threshold(newest, newer, SELDOM)


def _tell(line: str) -> None:
    """Tell whoever has started the service; where nobody can read it, the service serves all the same."""
    with suppress(OSError):
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Have SIGTERM end this process as if it had done its work: a worker that is being started ends too."""
    before = signal.signal(signal.SIGTERM, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)


@contextmanager
def _nobody() -> Iterator[None]:
    yield

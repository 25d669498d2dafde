"""The service as users run it, in a process of its own, and a browser that looks at it."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, Request, sync_playwright

CHROMIUM: Final = "/usr/bin/chromium"
"""Where it comes with the system; else Playwright's own is taken."""

_PATIENCE_S: Final = 60.0


@dataclass
class Site:
    """A server process.

    Attributes:
        home: What it serves.
        port: Where it listens, also after a restart.
        worker: Whether it has a worker beside it.
    """

    home: Path
    port: int
    worker: bool = False
    process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> str:
        """Start it; return a link that logs a browser in, once."""
        words = ["serve", "--port", str(self.port), *([] if self.worker else ["--no-worker"])]
        self.process = subprocess.Popen(
            [sys.executable, "-c", "import hwnas; hwnas.main()", *words],
            env={**os.environ, "HWNAS_HOME": str(self.home), "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if found := re.search(r"http://\S+/login\?token=\S+", line):
                # Whatever else it says is read, or it would wait for a reader.
                threading.Thread(target=self.process.stdout.read, daemon=True).start()
                return found[0]
        raise RuntimeError(f"the server ended before it listened: {self.process.wait(_PATIENCE_S)}")

    def kill(self) -> None:
        """Kill it at once."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(_PATIENCE_S)

    def stop(self) -> None:
        """Have it end."""
        assert self.process is not None
        self.process.terminate()
        try:
            self.process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.kill()


@dataclass
class Watched:
    """A page, and what it must not do.

    Attributes:
        problems: Errors, and requests to other hosts.
    """

    page: Page
    problems: list[str] = field(default_factory=list)

    def note(self, request: Request) -> None:
        """Note a request to another host."""
        address = urlsplit(request.url)
        if address.scheme in ("http", "https") and address.hostname != "127.0.0.1":
            self.problems.append(f"another host: {request.url}")


def free_port() -> int:
    """Return a port of this machine that nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def served(home: Path, *, worker: bool = False) -> Iterator[tuple[Site, str]]:
    """Yield a server of a home with a link into it."""
    site = Site(home, free_port(), worker)
    try:
        yield site, site.start()
    finally:
        site.stop()


@contextmanager
def browsing() -> Iterator[Browser]:
    """Yield a browser."""
    with sync_playwright() as found:
        path = CHROMIUM if Path(CHROMIUM).exists() else None
        browser = found.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def watched(browser: Browser, login: str, *, width: int = 1280, dark: bool = False) -> Iterator[Watched]:
    """Yield a page of somebody who follows a link into the service."""
    scheme: Final = "dark" if dark else "light"
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    found = Watched(page)
    page.on("request", found.note)
    page.on("pageerror", lambda error: found.problems.append(f"thrown: {error}"))
    page.on("dialog", lambda dialog: found.problems.append(f"dialog: {dialog.message}"))
    page.on(
        "console",
        lambda said: found.problems.append(f"console: {said.text}") if said.type == "error" else None,
    )
    page.goto(login, wait_until="load")
    yield found
    context.close()

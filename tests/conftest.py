"""What every test stands on: quiet libraries, one thread, no outside connections, a browser."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

# Tests run beside each other: the machine is always busy.
os.environ.setdefault("HWNAS_WHEN_BUSY", "ignore")
# Before any test imports numpy, torch or onnxruntime: they read these once.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import pytest
from playwright.sync_api import Browser, sync_playwright

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def refuse_outside_connections(event: str, arguments: tuple[object, ...]) -> None:
    """Audit hook: a test that contacts another host fails where it does so."""
    if event != "socket.connect":
        return
    address = arguments[1]
    if isinstance(address, tuple) and address[0] not in LOOPBACK:
        raise RuntimeError(f"a test tried to connect to {address}: tests run without network")


sys.addaudithook(refuse_outside_connections)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium; the test is skipped where there is none, in CI it fails.

    It ends with its module: Playwright's event loop runs meanwhile, and tests of others run their own.
    """
    found = next((path for name in CHROMIUM_NAMES if (path := shutil.which(name))), None)
    if found is None:
        reason = f"no browser found (looked for {', '.join(CHROMIUM_NAMES)})"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=list(CHROMIUM_ARGUMENTS))
        yield opened
        opened.close()

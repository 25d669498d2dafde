"""What every test stands on: quiet libraries, one thread, no outside connections, own folders, a browser."""

import gc
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# Tests run beside each other: the machine is always busy.
os.environ.setdefault("HWNAS_WHEN_BUSY", "ignore")
# Before any test imports numpy, torch or onnxruntime: they read these once.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.prepared import prepared_databases

# A shell that runs this in the background has it ignore Ctrl-C, and with it every process that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A file system in memory where there is one with room: thousands of transactions then wait for no disk.
MEMORY = Path("/dev/shm")
if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 4 * 2**30:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))

FIRST = ("tests/workers/test_cluster.py", "tests/e2e/test_interruption.py")
"""What takes longest begins before the rest: no process is left with it alone at the end of a run."""

WAITING = ("tests/e2e/", "tests/workers/", "tests/browser/")
"""What mostly waits: for Ray, for a lease, for a measurement, for a page.

Such files are spread over the run, among those that compute: side by side they leave processors idle.
"""

ENDS_AT = 0.85
"""Share of a run's files by which the last of those that wait has begun."""

CHROMIUM_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""The first has no windows, menus and extensions of its own, and takes half the processor time."""

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


def pytest_collection_finish() -> None:
    """Have the garbage collector pass over what is imported: looking through it all takes half a second."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, and mix what waits with what computes."""
    files = dict.fromkeys(item.nodeid.partition("::")[0] for item in items)
    waiting = [file for file in files if file.startswith(WAITING)]
    computing = [file for file in files if not file.startswith(WAITING)]
    places = {file: ENDS_AT * at / len(waiting) for at, file in enumerate(waiting)}
    places |= {file: at / len(computing) for at, file in enumerate(computing)}
    places |= {file: at - len(FIRST) for at, file in enumerate(FIRST)}
    items.sort(key=lambda item: places[item.nodeid.partition("::")[0]])


@pytest.fixture(scope="session", autouse=True)
def _temporary_folder_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Give this process a folder for temporary files, with the locks of who measures and who trains.

    A search under test then waits for nothing that another process of the run, or of this machine, measures.
    """
    tmp_path_factory.getbasetemp()  # stays where it would be, and is kept
    with (
        tempfile.TemporaryDirectory(prefix="hwnas-", ignore_cleanup_errors=True) as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        Path(folder).chmod(0o711)  # PostgreSQL runs as a user of its own
        patch.setenv("TMPDIR", folder)
        patch.setattr(tempfile, "tempdir", folder)
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_outside_connections() -> Iterator[None]:
    """A test that contacts another host fails where it does so."""

    def inside(ask: Callable[[socket.socket, Any], Any]) -> Callable[[socket.socket, Any], Any]:
        def asked(self: socket.socket, address: Any) -> Any:
            if isinstance(address, tuple) and address[0] not in LOOPBACK:
                raise RuntimeError(f"a test tried to connect to {address}: tests run without network")
            return ask(self, address)

        return asked

    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, inside(getattr(socket.socket, name)))
        yield


@pytest.fixture(scope="session", autouse=True)
def _prepared_databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Migrations run once in this process, not for each of a thousand homes."""
    with prepared_databases(tmp_path_factory.mktemp("prepared")):
        yield


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

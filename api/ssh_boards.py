"""Boards that are reached by SSH: the agent runs there, the service is reached back through the connection.

The key travels on standard input, where no list of processes shows it. The agent ends with the connection.
"""

import hashlib
import http.client
import importlib.metadata
import json
import re
import secrets
import shlex
import shutil
import ssl
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from rich.text import Text

from api.keys import KeyText, Scope
from latency_predictors.agent_protocol import check_name
from nas.results import Document
from nas.settings import Settings
from nas.store.stores import Stores, opened_stores
from search_spaces.errors import HwnasError, StoreError, UsageError

ENDS_S: Final = 10.0
"""For the agent to say farewell once nobody listens any more."""

PORT: Final = 8265
"""That `hwnas serve` listens at."""

ANSWERS_S: Final = 5.0
"""For the service to answer."""

NO_PYTHON, NO_ENVIRONMENT, NO_PACKAGE = 73, 74, 75
"""Statuses of the script on the board."""

_WHERE: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@:%\[\]-]*")
_PORTS: Final = range(20_000, 32_768)  # below those that Linux gives to connections

_SCRIPT: Final = """
read -r known
exec 3<&0
found=
for one in hwnas "$HOME/.local/bin/hwnas" "$HOME/hwnas/bin/hwnas"; do
  command -v "$one" >/dev/null 2>&1 && found=$one && break
done
if [ -z "$found" ]; then
  python=
  for one in python3.13 python3.12 python3.11 python3; do
    "$one" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && python=$one && break
  done
  [ -n "$python" ] || exit {no_python}
  "$python" -m venv "$HOME/hwnas" >&2 || exit {no_environment}
  "$HOME/hwnas/bin/pip" install --quiet {package} >&2 || exit {no_package}
  found=$HOME/hwnas/bin/hwnas
fi
printf '%s\\n' "$known" | "$found" agent --name {name} --pair - &
agent=$!
( cat >/dev/null; kill "$agent" ) <&3 >/dev/null 2>&1 &
wait "$agent"
"""


class BoardAdded(Document):
    """An agent that ran over SSH and has ended."""

    name: str
    where: str

    def __rich__(self) -> Text:
        """Say how it goes on."""
        return Text(
            f"the agent of '{self.name}' on {self.where} has ended; the same command starts it again",
            overflow="ignore",
        )


@dataclass(frozen=True)
class _Service:
    """What the agent is told: its line on standard input, and where the tunnel leads.

    Attributes:
        fingerprint: Of its certificate; empty where it shows none.
        prefix: Of its paths, that a proxy gives it; empty for none.
    """

    host: str
    port: int
    scheme: str
    fingerprint: str
    prefix: str

    def line(self, port: int, key: str) -> str:
        """Return the document that `agent --pair -` reads."""
        url = f"{self.scheme}://127.0.0.1:{port}{self.prefix}"
        return json.dumps({"url": url, "key": key, "fingerprint": self.fingerprint}) + "\n"


def add_board(settings: Settings, where: str, name: str, service: str, package: str) -> BoardAdded:
    """Run an agent on a board until it ends, or Ctrl-C.

    Args:
        settings: Where the service keeps things.
        where: As `ssh` takes it.
        name: What specifications call the board; made of the host's name if empty.
        service: Its address, as this machine reaches it; that of `hwnas serve` if empty.
        package: What pip installs on the board where hwnas is not there; empty for this version.

    Raises:
        UsageError: `invalid_host`, `invalid_device_name`, `ssh_missing`, `ssh_host_unknown`, `ssh_refused`,
            `python_missing`; `device_busy` where an agent of that name works already.
        StoreError: `service_unreachable`.
        HwnasError: `ssh_failed`, `venv_failed`, `install_failed`, `agent_failed`.
    """
    name = _name(where, name)
    ssh = shutil.which("ssh")
    if ssh is None:
        raise UsageError("ssh_missing", "there is no program `ssh` here: install OpenSSH's client")
    told = _service(service)
    port = secrets.choice(_PORTS)
    command = [ssh, "-T", "-o", "ExitOnForwardFailure=yes", "-o", "ServerAliveInterval=15"]
    command += ["-R", f"127.0.0.1:{port}:{told.host}:{told.port}", "--", where, _script(name, package)]
    with opened_stores(settings) as stores, _key(stores, settings.tenant, name) as key:
        status, words = _run(command, told.line(port, key))
    if status:
        raise _error(status, words, where)
    return BoardAdded(name=name, where=where)


def _name(where: str, name: str) -> str:
    if not _WHERE.fullmatch(where):
        raise UsageError("invalid_host", f"'{where}' names no host: write USER@HOST, as for `ssh`")
    host = where.rpartition("@")[2].partition(".")[0].lower()
    return check_name(name or re.sub(r"[^a-z0-9._-]+", "-", host).strip("._-"))


def _service(url: str) -> _Service:
    """Return what is told of the service, which has to run: its certificate is known by its fingerprint."""
    read = urlsplit(url) if url else SplitResult("http", f"127.0.0.1:{PORT}", "", "", "")
    host, port = str(read.hostname), read.port or (443 if read.scheme == "https" else 80)
    shown, prefix = "", read.path.rstrip("/")
    try:
        if read.scheme == "https":
            # The agent looks at the certificate itself: it is told which one was shown here.
            shown = ssl.get_server_certificate((host, port), timeout=ANSWERS_S)
        else:
            with closing(http.client.HTTPConnection(host, port, timeout=ANSWERS_S)) as line:
                line.request("GET", f"{prefix}/livez")
                line.getresponse().read()
    except (http.client.HTTPException, OSError) as error:
        raise StoreError(
            "service_unreachable",
            f"no service answers at {read.geturl()} ({error}): start `hwnas serve` here, or give --service",
        ) from error
    fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert(shown)).hexdigest() if shown else ""
    return _Service(host, port, read.scheme, fingerprint, prefix)


def _script(name: str, package: str) -> str:
    wanted = package or f"hwnas=={importlib.metadata.version('hwnas')}"
    return _SCRIPT.format(
        name=shlex.quote(name),
        package=shlex.quote(wanted),
        no_python=NO_PYTHON,
        no_environment=NO_ENVIRONMENT,
        no_package=NO_PACKAGE,
    )


@contextmanager
def _key(stores: Stores, tenant: str, name: str) -> Iterator[str]:
    """A key for the board: the one before ends when the board registers with it, and not sooner."""
    known = stores.agents.find(tenant, name)
    if known is not None and known.alive:
        raise UsageError(
            "device_busy", f"an agent works as '{name}' already: end it first, or choose another name"
        )
    replaces = known.key_id if known else ""
    key, text = stores.keys.create(tenant, name, [Scope.DEVICE.value], replaces=replaces)
    try:
        yield str(KeyText(key.id, text))
    finally:
        if stores.agents.of_key(key.id) is None:
            stores.keys.revoke(tenant, key.id)


def _run(command: Sequence[str], line: str) -> tuple[int, str]:
    """Run SSH until it ends; return its status and the last words of it and of the board."""
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert process.stdin
    assert process.stderr
    words: deque[str] = deque(maxlen=20)
    try:
        try:
            process.stdin.write(line)
            process.stdin.flush()
        except BrokenPipeError:
            words.append("it ended at once")
        for said in process.stderr:
            sys.stderr.write(said)
            words.append(said.strip())
        return process.wait(), "\n".join(words)
    except KeyboardInterrupt:
        return 0, ""
    finally:
        _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    """End SSH: without standard input the agent ends by itself, which gives its work back."""
    assert process.stdin
    with suppress(BrokenPipeError):
        process.stdin.close()
    try:
        process.wait(ENDS_S)
    except subprocess.TimeoutExpired:
        process.terminate()
        process.wait()
    assert process.stderr
    process.stderr.close()


def _error(status: int, words: str, where: str) -> HwnasError:
    """Return what a status says, with what to do."""
    last = words.splitlines()[-1] if words else f"status {status}"
    if status == NO_PYTHON:
        return UsageError(
            "python_missing",
            f"{where} has no Python 3.11 or newer: install one (`sudo apt install python3 python3-venv`, or "
            "`uv python install 3.12`)",
        )
    if status == NO_ENVIRONMENT:
        return HwnasError(
            "venv_failed",
            f"no virtual environment could be made on {where} ({last}): install python3-venv there",
        )
    if status == NO_PACKAGE:
        return HwnasError(
            "install_failed",
            f"pip could not install hwnas on {where} ({last}): install it there by hand, or give --package",
        )
    if status != 255:
        return HwnasError("agent_failed", f"the agent on {where} ended with status {status}: {last}")
    if "resolve hostname" in words or "Name or service not known" in words:
        return UsageError("ssh_host_unknown", f"ssh knows no host {where} ({last}): is the name right?")
    if "Permission denied" in words or "Host key verification failed" in words:
        return UsageError(
            "ssh_refused",
            f"{where} lets nobody in ({last}): log in once by hand (`ssh {where}`), then try again",
        )
    return HwnasError("ssh_failed", f"ssh to {where} failed: {last}")

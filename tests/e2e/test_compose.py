"""The commands of docker-compose.yml as plain processes, with a PostgreSQL of their own."""

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from benchmarks.postgres import find_binaries, serve
from nas.job_records import JobRequest
from nas.jobs import JobKind, JobState, Succeeded
from nas.settings import Settings
from nas.store.searches import all_searches
from nas.store.stores import Stores, opened_stores
from tests.e2e.command import DOCUMENT, FAULTS, opened
from workers.sessions import end_session

# The host may have to be measured first; it trains and ends a worker in the middle of it.
pytestmark = pytest.mark.timeout(600)

ROOT = FAULTS.parents[2]
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
LONG = {**DOCUMENT, "supernet": {"epochs": 1_200}}
"""Nobody waits for its end."""

LITTLE_S = 0.05
"""Of waiting for the end of one service."""


NAMESPACE = ("unshare", "--user", "--map-root-user", "--net")
ADDRESS = "10.213.0.1"
# A network as `internal: true` makes one: its own address, and no way out.
NETWORK = f"ip link set lo up && ip addr add {ADDRESS}/32 dev lo && ip route add default dev lo"


class Cluster:
    """What runs in its containers, as processes of this machine in a network of their own.

    Args:
        folder: For everything.
        database: Address of PostgreSQL, by a socket in the file system: networks do not part that.
    """

    def __init__(self, folder: Path, database: str) -> None:
        # The paths of Ray's sockets have to be short.
        self._short = tempfile.mkdtemp(prefix="hwnas-", dir="/tmp")
        self.settings = Settings(
            home=folder / "home",
            database_url=database,
            artifact_url=str(folder / "artifacts"),
            tenant="local",
            ray_address=f"{ADDRESS}:6379",
        )
        self._environment = {
            **os.environ,
            **{name: text for name, text in SERVICES["worker"]["environment"].items() if "RAY" in name},
            **self.settings.as_environment(),
            "RAY_AUTH_TOKEN": secrets.token_hex(16),
            "RAY_TMPDIR": self._short,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
        }
        self._log = (folder / "log").open("wb")
        self._network = subprocess.Popen(
            [*NAMESPACE, "sh", "-c", f"{NETWORK} && echo up && exec sleep infinity"], stdout=subprocess.PIPE
        )
        assert self._network.stdout is not None
        assert self._network.stdout.readline() == b"up\n"
        self._services: dict[str, subprocess.Popen[bytes]] = {}
        self._restarts = 0

    def start(self, service: str) -> None:
        """Run the command of a service."""
        self._services[service] = self._begin(SERVICES[service]["command"])

    def keep_up(self) -> None:
        """Wait a little for each service to end, and start it again, as an engine does.

        On a busy machine Ray gives up at times.
        """
        for service, process in list(self._services.items()):
            with suppress(subprocess.TimeoutExpired):
                process.wait(LITTLE_S)
                self._restarts += 1
                assert self._restarts <= 5, f"{service} ends again and again, now with {process.returncode}"
                end_session(process.pid)
                self.start(service)

    def stop(self, service: str) -> int:
        """Stop a service as an engine does; return its status."""
        process = self._services.pop(service)
        # An engine tells the first process only.
        process.terminate()
        status = process.wait(60)
        end_session(process.pid)
        return status

    def run(self, *words: str) -> int:
        """Run a command to its end, as `docker compose exec worker` does; return its status."""
        return self._begin(words).wait(120)

    def healthy(self, service: str) -> bool:
        """Whether the health check of a service succeeds."""
        kind, *command = SERVICES[service]["healthcheck"]["test"]
        assert kind == "CMD"
        return self.run(*command) == 0

    def wait_healthy(self, service: str) -> None:
        """Wait until a service is healthy."""
        while not self.healthy(service):
            self.keep_up()

    def close(self) -> None:
        """End everything that was started."""
        for process in self._services.values():
            end_session(process.pid)
            process.wait()
        self._network.kill()
        self._network.communicate()
        self._log.close()
        shutil.rmtree(self._short)

    def _begin(self, words: Sequence[str]) -> subprocess.Popen[bytes]:
        text = [word.replace("ray-head:", f"{ADDRESS}:").replace("$$", "$") for word in words]
        enter = ("nsenter", f"--target={self._network.pid}", "--user", "--net", "--preserve-credentials")
        return subprocess.Popen(
            [*enter, *text],
            env=self._environment,
            cwd=ROOT,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )


def socket_of(database: str) -> str:
    """Return the address of the same database by its socket in the file system."""
    with psycopg.connect(database) as connection:
        (folder,) = connection.execute("SHOW unix_socket_directories").fetchone() or ("",)
        port = connection.info.port
    Path(folder).chmod(0o755)
    return f"postgresql://postgres@/postgres?host={folder}&port={port}"


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed here")
    if subprocess.run([*NAMESPACE, "sh", "-c", NETWORK], capture_output=True, check=False).returncode:
        pytest.skip("this system lets nobody make a network of their own")
    with serve(binaries) as database:
        found = Cluster(tmp_path, socket_of(database))
        try:
            yield found
        finally:
            print((tmp_path / "log").read_text(errors="replace")[-5_000:])
            found.close()


def wait_for_epoch(stores: Stores, job: str, cluster: Cluster) -> None:
    """Wait until a search is in training."""
    seen = 0
    while True:
        for event in stores.jobs.events("local", job, after=seen):
            seen = event.id
            if event.kind == "checkpoint":
                return
        cluster.keep_up()


def take_over(stores: Stores, profiled: Path) -> None:
    """Keep the table of a home in which this host is measured: a worker then has nothing to measure."""
    with opened(profiled) as known:
        (key,) = known.tables.published()
        table = known.tables.load(key.device, key.context)
    assert table is not None
    stores.jobs.submit("local", JobRequest(JobKind.PROFILE, {}))
    (claim,) = stores.queue.claim("tests")
    stores.tables.publish(claim.lease, table)
    stores.queue.settle(claim.lease, Succeeded())


def test_a_worker_of_the_cluster_trains_on_its_nodes(
    cluster: Cluster, profiled: Path, tmp_path: Path
) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(yaml.safe_dump(LONG))
    assert cluster.run(*SERVICES["schema"]["command"]) == 0
    with opened_stores(cluster.settings) as stores:
        take_over(stores, profiled)
    cluster.start("ray-head")
    cluster.wait_healthy("ray-head")
    for service in ("ray-node", "worker"):
        cluster.start(service)
    assert cluster.run("hwnas", "search", str(spec), "--no-watch") == 0
    with opened_stores(cluster.settings) as stores:
        (job,) = all_searches(stores, "local")
        wait_for_epoch(stores, job.id, cluster)
        assert cluster.healthy("ray-node")
        assert cluster.healthy("worker")
        assert cluster.stop("worker") == 0
        job = stores.jobs.get("local", job.id)
        assert (job.state, job.faults) == (JobState.QUEUED, {})
        assert not cluster.healthy("worker")
    assert cluster.healthy("ray-head")

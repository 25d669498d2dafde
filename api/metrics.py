"""What operators watch, in the format of Prometheus: requests of a process, jobs of all.

Labels are our own words, never what somebody sent: the template of a route, not its address.
"""

import threading
import time
from collections.abc import Iterator
from itertools import product
from typing import Final, final

from prometheus_client import CollectorRegistry, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

from nas.jobs import JobKind, JobState
from nas.store import counters
from nas.store.operations import WORKED_ON, DatabaseOperations, Operations
from search_spaces.errors import StoreError

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
LOOK_S: Final = 2.0
"""The database is asked once in so many seconds, however often metrics are."""

_SECONDS: Final = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


@final
class Metrics:
    """The metrics of one application.

    Args:
        operations: Tells how jobs stand.
    """

    def __init__(self, operations: DatabaseOperations) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Histogram(
            "hwnas_request_seconds",
            "Time from a request to the begin of its answer.",
            ("method", "route", "status"),
            registry=self._registry,
            buckets=_SECONDS,
        )
        self.streams = Gauge("hwnas_open_streams", "Streams of events.", registry=self._registry)
        self._registry.register(_Installation(operations))

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Enter a request."""
        known = method if method in _METHODS else "other"
        self._requests.labels(known, route, str(status)).observe(seconds)

    def text(self) -> bytes:
        """Return everything as text; asks the database, and says where it does not answer."""
        return generate_latest(self._registry)


@final
class _Installation(Collector):
    """What the database tells, the same whichever replica is asked: do not add it up over replicas."""

    def __init__(self, operations: DatabaseOperations) -> None:
        self._operations = operations
        self._lock = threading.Lock()
        self._until = 0.0
        self._found: Operations | None = None

    def describe(self) -> list[Metric]:
        """Return nothing: the registry is not to ask the database when the application is made."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield what there is."""
        found = self._look()
        up = 0.0 if found is None else 1.0
        yield GaugeMetricFamily("hwnas_database_up", "Whether the database answers.", value=up)
        if found is None:
            return
        jobs = GaugeMetricFamily("hwnas_jobs", "Jobs that have not ended.", labels=("kind", "state"))
        # A series that is missing can be neither added up nor asked whether it is 0.
        for kind, state in product(JobKind, (*WORKED_ON, JobState.PARKED)):
            jobs.add_metric((kind, state), found.open_jobs.get((kind, state), 0))
        yield jobs
        overdue = "Jobs whose worker is late with its renewal and that nobody has taken yet."
        yield GaugeMetricFamily("hwnas_overdue_leases", overdue, value=found.overdue_leases)
        if found.oldest_transaction_s is not None:
            told = "Age of the oldest open transaction of the database."
            yield GaugeMetricFamily(
                "hwnas_oldest_transaction_seconds", told, value=found.oldest_transaction_s
            )
        yield from _counted(found)

    def _look(self) -> Operations | None:
        with self._lock:
            if time.monotonic() >= self._until:
                try:
                    self._found = self._operations.look()
                except StoreError:
                    self._found = None  # told as `hwnas_database_up`
                self._until = time.monotonic() + LOOK_S
            return self._found


def _counted(found: Operations) -> Iterator[Metric]:
    losses = CounterMetricFamily("hwnas_lease_losses", "Attempts taken from workers.", labels=("fault",))
    phases = SummaryMetricFamily("hwnas_phase_seconds", "Finished phases of searches.", labels=("phase",))
    measured = CounterMetricFamily("hwnas_measurements", "Results that devices have delivered.")
    measurements = 0
    for one in found.counts:
        if one.name == counters.LEASE_LOSSES:
            losses.add_metric((one.label,), one.times)
        elif one.name == counters.PHASES_ENDED:
            phases.add_metric((one.label,), one.times, one.total)
        elif one.name == counters.MEASUREMENTS:
            measurements += one.times
    measured.add_metric((), measurements)
    yield from (losses, phases, measured)

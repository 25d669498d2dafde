"""Runs jobs: claims one, runs its phases, settles it; between jobs serves the queue of this host.

One thing at a time: where this worker measures, it trains nothing.
"""

import os
import platform
import secrets
import sys
import threading
import time
import traceback
from types import TracebackType
from typing import Final, Self, final

from latency_predictors.gate import gate_rules
from nas.jobs import (
    Cancelled,
    Fault,
    Faulted,
    Infeasible,
    Outcome,
    Released,
    Succeeded,
    Waiting,
    fault_of,
)
from nas.leases import Claim, LeaseLost, LeaseTimes
from nas.pipeline.context import Progress, Surroundings
from nas.pipeline.jobs import KINDS, PHASES_OF
from nas.ports import Compute
from nas.settings import Settings
from nas.store.stores import Stores
from search_spaces.errors import HwnasError, InfeasibleError, MeasurementError, StoreError
from workers.frugal import Frugal
from workers.heartbeat import Heartbeat, JobCancelled
from workers.host import known_dead, own_facts
from workers.job_progress import Both, JobProgress
from workers.measuring import serve_host

PAUSE_S: Final = 0.5
RESTLESS_S: Final = 30.0
"""Pause before a host that was too restless to be measured is tried again."""


@final
class Orchestrator:
    """A worker that lives. Use it in a `with` statement: it gives its name back.

    Args:
        stores: The durable state.
        settings: Of this process.
        compute: Runs tasks.
        shown: Told how far jobs are, beside the watchers of the store.
        name: Of this worker; unique while it lives.
        times: How long leases hold.
    """

    def __init__(
        self,
        stores: Stores,
        settings: Settings,
        compute: Compute,
        shown: Progress,
        name: str = "",
        times: LeaseTimes | None = None,
    ) -> None:
        self.name = name or f"{platform.node()}-{os.getpid()}-{secrets.token_hex(3)}"
        self._stores = stores
        self._settings = settings
        self._compute = compute
        self._shown = shown
        self._times = times or LeaseTimes()
        self._bury()
        facts = own_facts()
        self._device = str(facts["device"])
        self._registered = stores.workers.register(self.name, facts)
        self._heartbeat = Heartbeat(stores, self._registered, self._times)
        self._restless_until = 0.0
        self._said_restless = False
        self._interruptible = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._heartbeat.close()
        self._stores.workers.leave(self._registered)

    def drain(self) -> None:
        """Have the worker stop at its next step; the running job goes on elsewhere, at no cost."""
        self._heartbeat.drain("it was told to")

    def interrupt(self) -> None:
        """Drain, called by a signal in the thread that works: in the middle of an epoch too.

        Raises:
            Draining: Phases of a job run. What they had not finished is done again.
        """
        self.drain()
        if self._interruptible:
            self._interruptible = False  # once: what follows is short
            self._heartbeat.check()

    def work_once(self) -> bool:
        """Do one thing: take overdue jobs from the dead, measure, or run a job; return whether there was one.

        Raises:
            Draining: The worker is to end; the job that ran has been given back.
        """
        self._heartbeat.check()
        self._bury()
        self._stores.queue.reap()
        self._stores.queue.tell_away(
            {str(one.facts.get("device")) for one in self._stores.workers.alive()} | {self._device}
        )
        if self._measure():
            return True
        claims = self._stores.queue.claim(self.name, kinds=tuple(KINDS), device=self._device)
        for claim in claims:
            self._run(claim)
        return bool(claims)

    def _bury(self) -> None:
        """Take what workers of this host held that are gone: nobody has to wait for their leases."""
        for worker in self._stores.workers.alive():
            if known_dead(worker.facts):
                self._stores.queue.abandon(worker.name)
                self._stores.measurements.abandon(worker.name)
                self._stores.workers.leave(worker.lease)

    def _measure(self) -> bool:
        if time.monotonic() < self._restless_until:
            return False
        try:
            return serve_host(
                self._stores,
                self.name,
                self._measuring_shown,
                gate_rules(self._settings.when_busy),
                self._settings.meter_log,
                repeat=self._settings.when_busy != "ignore",
                say=self._say_restless,
            )
        except LeaseLost:
            return False  # another process measures here by now
        except MeasurementError as error:
            self._restless_until = time.monotonic() + RESTLESS_S
            self._shown.say(f"this host cannot be measured now: {error.message}")
            return False

    def _say_restless(self, why: str) -> None:
        if not self._said_restless:
            self._said_restless = True
            self._shown.say(why)

    def _measuring_shown(self, done: int, total: int) -> None:
        self._heartbeat.check()
        self._shown.step("measure", done, total, "measuring on this host")

    def _run(self, claim: Claim) -> None:
        def report(kind: str, data: dict[str, object]) -> None:
            self._stores.results.report(claim.lease, kind, data)

        told = JobProgress(PHASES_OF[claim.kind], claim.progress, report, self._heartbeat.check)
        self._heartbeat.hold(claim.lease, lambda: told.watermark)
        try:
            outcome = self._outcome(claim, Both(told, self._shown))
        except LeaseLost as lost:
            self._heartbeat.release()
            self._shown.say(f"job {claim.lease.job_id}: {lost}")
        except BaseException:
            # A drain, or Ctrl-C in a notebook: the job goes on with whoever comes next, at no cost.
            self._settle(claim, Released(), told.watermark)
            raise
        else:
            self._settle(claim, outcome, told.watermark)

    def _outcome(self, claim: Claim, progress: Progress) -> Outcome:
        try:
            self._interruptible = True
            around = Surroundings(self._settings, self._stores, self._compute_for(claim), progress)
            end = KINDS[claim.kind](self._stores.run(claim), around)
        except JobCancelled:
            return Cancelled()
        except LeaseLost:
            raise
        except InfeasibleError as error:
            return Infeasible(error.code, error.message)
        except HwnasError as error:
            return Faulted(fault_of(error), error.code, error.message)
        except Exception as error:  # noqa: BLE001 - whatever ends an attempt is told and judged
            traceback.print_exc(file=sys.stderr)
            return Faulted(fault_of(error), "worker_failed", f"{type(error).__name__}: {error}")
        finally:
            self._interruptible = False
        return end if isinstance(end, Waiting) else Succeeded()

    def _compute_for(self, claim: Claim) -> Compute:
        """Return what a job's tasks run on: with less at a time where it has run out of memory before."""
        return Frugal(self._compute) if claim.faults.get(Fault.OUT_OF_MEMORY) else self._compute

    def _settle(self, claim: Claim, outcome: Outcome, reached: int) -> None:
        """Say the last word about a job; again where the database does not answer, while it counts."""
        self._heartbeat.release()  # no renewal may race it
        until = time.monotonic() + self._times.stop_after_ms / 1000
        while True:
            try:
                # How far it got since the last renewal: a fault after progress is the first of its kind.
                self._stores.queue.renew({claim.lease: reached})
                self._stores.queue.settle(claim.lease, outcome)
            except LeaseLost as lost:
                self._shown.say(f"job {claim.lease.job_id}: {lost}")
            except StoreError:
                if time.monotonic() < until:
                    threading.Event().wait(PAUSE_S)
                    continue
                raise
            return

"""The agent of a device: a board asks the service for work, measures, delivers; it listens nowhere.

What it loads is what measuring needs. Whatever it measured is in its journal before it is sent: a cut line, a
restarted service or a reboot costs at most the session that was being measured, and nothing is counted twice.
"""

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from latency_predictors.agent_protocol import (
    Delivered,
    Delivery,
    Heartbeat,
    Nothing,
    Registered,
    Registration,
    Score,
    Trouble,
    Work,
    WorkAnswer,
    WorkRequest,
)
from latency_predictors.golden import toolchain
from latency_predictors.protocol import SessionResult, Subject
from latency_predictors.runtimes import get_runtime
from search_spaces.errors import ArtifactError, HwnasError, ResourceError, UsageError
from workers.agent_home import AgentHome, Entry, disk_told
from workers.agent_link import Link, RefusedError
from workers.agent_means import Means, scores, tellable, trouble_of
from workers.agent_patience import RESTLESS_S, Patience
from workers.agent_pulse import Pulse

_NOT_FETCHED: Final = ("artifact_damaged", "artifact_missing", "download_damaged", "file_too_large")
"""What keeps one file from being fetched, and the others not; the last is that file's own doing."""

_IN_USE: Final = "key_in_use"
"""The service knows the board by another start: that of another agent, or an earlier one where the service
was restored from a backup. Registering ends that, and is refused while another works."""

_START_ANEW: Final = ("stale_request", "not_registered", _IN_USE)
_FOR_GOOD: Final = ("not_authenticated", "not_allowed", "agent_outdated", "agent_newer")
"""Refusals of the agent itself: what it has to deliver stays in its journal."""


@dataclass
class Agent:
    """The agent of one board.

    Attributes:
        name: What specifications are to call the board.
        facts: Returns what it tells of itself, as it is now.
        link: To the service.
        home: Its folder.
        means: Times files, and scores them.
        say: Told what happens, a line each.
        pause: Waits for so many seconds.
        work: What is being measured.
    """

    name: str
    facts: Callable[[], Mapping[str, Any]]
    link: Link
    home: AgentHome
    means: Means
    say: Callable[[str], object]
    pause: Callable[[float], object] = field(default_factory=lambda: threading.Event().wait)
    work: Work | None = None

    def __post_init__(self) -> None:
        self._patience = Patience(self.say, self.pause)
        self._calm = True

    def run(self) -> None:
        """Work until somebody ends the process.

        Raises:
            HwnasError: What keeps it from working for good, such as `not_authenticated` or `device_changed`.
        """
        while True:
            registered = self._register()
            try:
                self._work_as(registered)
            except RefusedError as refused:
                if refused.code not in _START_ANEW:
                    raise
                self.work = None  # it holds no lease any more, as far as it knows
                if refused.code == _IN_USE:
                    self._patience.say_once(f"error[{refused.code}]: {refused.message}")
                    self.pause(RESTLESS_S)

    def _work_as(self, registered: Registered) -> None:
        """Work until the board has to register anew.

        Raises:
            RefusedError: The service does not know it so any more, or will have none of it.
        """
        number, told = registered.asked + 1, toolchain(self.facts())
        while True:
            self._deliver()
            answer = self._ask(number)
            work = answer.work
            if work is None:
                self.pause(answer.ask_again_s)
                continue
            if toolchain(self.facts()) != told:
                self.say("hwnas, a runtime, system or power mode is another now: registering anew")
                self._return(work)
                return
            number += 1
            self._do(work, registered)

    def _register(self) -> Registered:
        first = not self._patience.known
        if first:
            self._note(self.home.begin)

        def ask() -> Registered:
            home = self.home
            own = {"name": self.name, "instance": home.instance, "cache_bytes": home.cache_bytes}
            more = {"before": home.before, "clock_s": time.time()}
            told = Registration.model_validate({**self.facts(), **own, **more})
            return self.link.post("agents/register", told, Registered)

        registered = self._patience.again(ask, passing=[_IN_USE])
        self._patience.known = True
        if first:
            self._note(self.home.begun)
        self.say(f"registered as '{self.name}': {registered.device.label}")
        return registered

    def _note(self, write: Callable[[], object]) -> None:
        """Write to the agent's folder; where the disk refuses, the agent says so and works all the same."""
        try:
            write()
        except ResourceError as error:
            self._patience.say_once(f"error[{error.code}]: {error.message}")

    def _ask(self, number: int) -> WorkAnswer:
        def ask() -> WorkAnswer:
            asked = WorkRequest(instance=self.home.instance, number=number, clock_s=time.time())
            return self.link.post("agents/leases", asked, WorkAnswer)

        answer = self._patience.again(ask)
        if answer.quarantine:
            self._patience.say_once(
                f"in quarantine, there is no work: {answer.quarantine}. Mend the board, then "
                f"`hwnas devices release {self.name}` where the service is"
            )
        return answer

    def _do(self, work: Work, registered: Registered) -> None:
        """Measure a batch, deliver what comes of it, give its lease back."""
        self.work, self._calm = work, True
        with Pulse(self.link, self.home.instance, work, registered.renew_every_s) as pulse:
            if subjects := self._fetched(work):
                does = self._scored if work.images else self._measured
                does(work, registered, subjects, pulse)
        self._deliver()
        self._return(work)
        self.work = None
        if not self._calm:
            self.pause(RESTLESS_S)

    def _return(self, work: Work) -> None:
        told = Heartbeat(instance=self.home.instance, attempt=work.attempt)
        self._patience.again(lambda: self.link.post(f"agents/leases/{work.lease}/return", told, Nothing))

    def _measured(
        self, work: Work, registered: Registered, subjects: Sequence[Subject], pulse: Pulse
    ) -> None:
        """Measure files and keep each session as it comes."""
        self.say(f"measuring {len(subjects)} files with {work.context.label}")
        sessions = self.means.measure(
            subjects,
            work.context,
            work.timing,
            num_sessions=work.sessions,
            reference_ms=work.reference_ms,
            on_progress=pulse.progress,
        )
        try:
            with disk_told():
                for session in sessions:
                    mine = session.model_copy(update={"device": registered.device})
                    self._keep(work, session=tellable(mine))
        except RefusedError as refused:
            self._lease_ended(refused)
        except HwnasError as error:
            self._trouble(work, error, [subject.digest for subject in subjects])

    def _scored(self, work: Work, registered: Registered, subjects: Sequence[Subject], pulse: Pulse) -> None:
        """Score files on images and keep each score as it comes."""
        assert work.images is not None
        self.say(f"scoring {len(subjects)} files with {work.context.label}")
        left = [subject.digest for subject in subjects]
        try:
            images = self._file(work, work.images, ".npy")
            with disk_told():
                for subject, found in scores(work, subjects, images, self.means, pulse.progress):
                    if isinstance(found, Score):
                        self._keep(work, score=found)
                    else:
                        self._trouble(work, found, [subject], own=True)
                    left.remove(subject)
        except RefusedError as refused:
            self._lease_ended(refused)
        except HwnasError as error:
            self._trouble(work, error, left)

    def _fetched(self, work: Work) -> list[Subject]:
        """Return the files of a batch; what cannot be had is told to the service, once for each reason."""
        found: list[Subject] = []
        without: dict[str, tuple[HwnasError, list[str]]] = {}
        try:
            suffix = f".{get_runtime(work.context.runtime).file_format}"
        except UsageError as error:
            self._trouble(work, error, list(work.files))
            return []
        for subject, digest in work.files.items():
            try:
                found.append(Subject(digest=subject, path=self._file(work, digest, suffix)))
            except RefusedError as refused:
                self._lease_ended(refused)
                return []
            except ResourceError as error:
                there = {one.digest for one in found}
                self._trouble(work, error, [one for one in work.files if one not in there])
                return found
            except HwnasError as error:
                if error.code not in _NOT_FETCHED:
                    raise
                without.setdefault(error.code, (error, []))[1].append(subject)
        for code, (why, subjects) in without.items():
            self._trouble(work, why, subjects, own=code == "file_too_large")
        return found

    def _file(self, work: Work, digest: str, suffix: str) -> Path:
        fetch = partial(self.link.fetch, f"agents/artifacts/{digest}", limit=self.home.cache_bytes // 2)
        return self._patience.again(lambda: self.home.file(digest, suffix, fetch, set(work.files.values())))

    def _lease_ended(self, refused: RefusedError) -> None:
        self._patience.say_once(refused.message)
        self._calm = False

    def _restless(self, line: str) -> None:
        """Say what should not be; the batch is followed by a pause, so that it is not said over and over."""
        self.say(line)
        self._calm = False

    def _trouble(
        self, work: Work, error: HwnasError, subjects: Collection[str], *, own: bool = False
    ) -> None:
        self._restless(f"error[{error.code}]: {error.message}")
        self._keep(work, trouble=trouble_of(work, error, subjects, own=own))

    def _keep(
        self,
        work: Work,
        session: SessionResult | None = None,
        trouble: Trouble | None = None,
        score: Score | None = None,
    ) -> None:
        """Write to the journal; where there is no room for that, deliver at once."""
        found = {"session": session, "trouble": trouble, "score": score, "context": work.context}
        entry = Entry.model_validate({"lease": work.lease, "attempt": work.attempt, **found})
        try:
            self.home.remember(entry)
        except ResourceError as error:
            self._patience.say_once(
                f"error[{error.code}]: {error.message}; results are sent without being kept first"
            )
            self._send(entry)

    def _deliver(self) -> None:
        """Deliver what the journal holds, the oldest first."""

        def deliver() -> None:
            for path, entry in self.home.remembered(self._restless):
                self._send(entry)
                self._note(partial(self.home.forget, path))

        self._note(deliver)

    def _send(self, entry: Entry) -> None:
        found = {name: getattr(entry, name) for name in ("session", "trouble", "score", "context")}
        delivery = Delivery(instance=self.home.instance, attempt=entry.attempt, **found)
        path = f"agents/leases/{entry.lease}/result"
        try:
            self._patience.again(lambda: self.link.post(path, delivery, Delivered))
        except (RefusedError, ArtifactError) as refused:
            if refused.code in _FOR_GOOD + _START_ANEW:
                raise
            self._restless(f"not taken, error[{refused.code}]: {refused.message}")

"""What is kept of what the agents of devices deliver, and what is refused or counted against a board."""

import hashlib
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from api.agents import lease_of
from latency_predictors.agent_protocol import MAX_CLOCK_SKEW_S, MAX_MESSAGE, Delivery, Score, Trouble
from latency_predictors.device import ExecutionContext
from latency_predictors.golden import SUBJECTS
from latency_predictors.plausible import implausible, known_reference, misdated
from latency_predictors.protocol import FILE_ERRORS, SessionResult
from latency_predictors.scoring import read_images
from latency_predictors.wire_types import one_line
from nas.leases import LeaseLost
from nas.measurement_tasks import (
    LOST,
    PASSING,
    UNABLE,
    Batch,
    DeviceLease,
    protocol_digest,
    scoring_protocol,
)
from nas.store.agent_queue import AskedFor
from nas.store.agent_store import Agent, in_use
from nas.store.board_signs import lapsed, not_registered
from nas.store.stores import Stores
from search_spaces.errors import ArtifactError, HwnasError, MeasurementError, UsageError

_NO_FAULTS: Final = (*PASSING, *LOST, UNABLE, "not_published", *FILE_ERRORS)
"""Troubles that end by themselves, are the service's, or of what is asked: they count against no board. One
file that ends its process may be to blame for that; of several in a row the board is."""

_FAULTS: Final = ("implausible_result", "not_asked_for", "context_mismatch", "result_conflict")
"""Refusals that count against a board: each once for a lease and what was delivered."""

_SESSION_ID: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Posted:
    """What came with a request: a delivery under a lease.

    Attributes:
        key_id: It came with.
        lease: Its token.
        asked_s: When it was asked for at the earliest, seconds since 1970; when the board registered if None.
        bundle: That it answers; empty where the board's agent delivers.
    """

    key_id: str
    lease: str
    delivery: Delivery
    asked_s: float | None = None
    bundle: str = ""

    @property
    def asked(self) -> str:
        """What it was asked for with: each import of an answer has a lease of its own, its bundle is one."""
        return self.bundle or self.lease

    @property
    def digest(self) -> str:
        """Of what it is, whatever it says: the same where it is sent again."""
        session, score = self.delivery.session, self.delivery.score
        what = session.session_id if session else (score.subject, score.images) if score else ""
        return _digest(self.asked, what)


@dataclass(frozen=True)
class _Taken:
    """A delivery of a board that may make it.

    Attributes:
        asked: As in `Posted`.
    """

    agent: Agent
    lease: DeviceLease
    delivery: Delivery
    asked: str


def deliver(stores: Stores, deliveries: Sequence[Posted]) -> list[int | HwnasError]:
    """Keep what agents deliver, sessions of all of them in one transaction.

    Returns:
        For each how many results were new, or why nothing of it was kept: `not_registered`, `key_in_use`,
        `lease_lapsed`, `not_asked_for`, `implausible_result`, `context_mismatch` or `result_conflict`.
    """
    agents = stores.agents.of_keys({one.key_id for one in deliveries})
    unasked = _unasked(stores, deliveries)
    told: dict[int, int | HwnasError] = {}
    taken: dict[int, _Taken] = {}
    for i, one in enumerate(deliveries):
        try:
            taken[i] = _checked(stores, agents.get(one.key_id), one, unasked.get(i, ()))
        except HwnasError as error:
            told[i] = error
    told |= _keep(stores, taken)
    for i, whose in taken.items():
        new = told[i]
        if not isinstance(new, HwnasError):
            try:
                told[i] = new = new + _keep_score(stores, whose)
                _note_failures(stores, whose)
                if new:  # what comes once more is no other success
                    stores.agent_queue.succeeded(whose.agent)
            except LeaseLost:
                told[i] = lapsed(whose.agent.name)
            except ArtifactError as error:
                told[i] = error
    for i, one in enumerate(deliveries):
        _note_fault(stores, agents.get(one.key_id), one, told[i])
    return [told[i] for i in range(len(deliveries))]


def note_invalid(stores: Stores, key_id: str, lease: str, document: object, problem: str) -> None:
    """Count it against a board where what it delivered is no document that the service takes."""
    agent = stores.agents.of_key(key_id)
    if agent is None or not isinstance(document, dict) or document.get("instance") != agent.instance:
        return
    session = document.get("session")
    what = session.get("session_id") if isinstance(session, dict) else ""
    reason = one_line(f"invalid_request: {problem}")[:MAX_MESSAGE]
    stores.agent_queue.faulted(agent, reason, _digest(lease, what))


def _digest(where: str, what: object) -> str:
    return hashlib.sha256(f"{where} {what!r}".encode()).hexdigest()


def _note_fault(stores: Stores, agent: Agent | None, one: Posted, told: int | HwnasError) -> None:
    """Count it against a board where what it delivered was refused for what it says."""
    if agent is not None and isinstance(told, HwnasError) and told.code in _FAULTS:
        reason = one_line(f"{told.code}: {told.message}")[:MAX_MESSAGE]
        stores.agent_queue.faulted(agent, reason, one.digest)


def _unasked(stores: Stores, deliveries: Sequence[Posted]) -> dict[int, tuple[str, ...]]:
    """Return for each session that came the files which nobody has asked its device for."""
    sessions = {i: one.delivery.session for i, one in enumerate(deliveries) if one.delivery.session}
    claims = [
        AskedFor(
            session.device.digest,
            (session.context.digest, protocol_digest(session.timing)),
            tuple(_subjects(session)),
        )
        for session in sessions.values()
    ]
    return dict(zip(sessions, stores.agent_queue.unasked(claims), strict=True))


def _subjects(session: SessionResult) -> list[str]:
    """Return what a session says something of."""
    return [one.digest for one in session.results] + [one.digest for one in session.failures]


def _keep(stores: Stores, taken: Mapping[int, _Taken]) -> dict[int, int | HwnasError]:
    """Keep the sessions; a delivery without one has no new results."""
    sessions = {i: (one.lease, one.delivery.session) for i, one in taken.items() if one.delivery.session}
    kept = dict(zip(sessions, stores.measurements.deliver_all(list(sessions.values())), strict=True))
    told: dict[int, int | HwnasError] = {}
    for i, whose in taken.items():
        new = kept.get(i, 0)
        told[i] = lapsed(whose.agent.name) if isinstance(new, LeaseLost) else new
    return told


def _checked(stores: Stores, agent: Agent | None, one: Posted, unasked: Sequence[str]) -> _Taken:
    """Return a delivery that may be kept.

    Args:
        stores: Where everything is kept.
        agent: That the key belongs to.
        one: What came.
        unasked: Files of its session that nobody has asked for.

    Raises:
        UsageError: `not_registered`, `key_in_use`, `not_asked_for` or `implausible_result`.
        MeasurementError: `context_mismatch`.
    """
    if agent is None:
        raise not_registered()
    if agent.instance != one.delivery.instance:
        raise in_use(agent.name)
    if (session := one.delivery.session) is not None:
        _check_asked(agent, session, unasked)
        replays = bool(agent.facts.get("replays"))
        if reason := implausible(session, replays=replays) or _unlike_others(stores, agent, one, session):
            raise UsageError("implausible_result", f"session {session.session_id} was not taken: {reason}")
    if one.delivery.score is not None:
        _check_score(stores, agent, one.delivery.context, one.delivery.score)
    return _Taken(agent, lease_of(agent, one.lease, one.delivery.attempt), one.delivery, one.asked)


def _unlike_others(stores: Stores, agent: Agent, one: Posted, session: SessionResult) -> str:
    """Return why a session cannot be of this board now; empty where nothing speaks against it."""
    asked_s = agent.registered_at_ms / 1000 if one.asked_s is None else one.asked_s
    if reason := misdated(session, asked_s - MAX_CLOCK_SKEW_S, time.time() + MAX_CLOCK_SKEW_S):
        return reason
    if known_reference(session):
        return ""
    where = session.device.digest, session.context.digest
    if known_reference(session, stores.sessions.references(*where, session.session_id)):
        return ""
    return "its reference of the anchors is neither what the board was told nor near what it read itself"


def _note_failures(stores: Stores, taken: _Taken) -> None:
    """Note what could not be measured, and whether the board is at fault.

    Raises:
        LeaseLost: Another measures there by now.
    """
    agent, lease = taken.agent, taken.lease
    if (session := taken.delivery.session) is not None:
        batch = Batch(session.context, session.timing, {}, 0, {})
        for failure in session.failures:
            subjects, why = [failure.digest], (failure.code, one_line(failure.message)[:MAX_MESSAGE])
            of = _digest(session.session_id, failure.digest)
            stores.measurements.fail(lease, batch, subjects, *why, own=True, of=of)
        if any(result.digest in SUBJECTS for result in session.results):
            stores.golden.take(lease.device, session.context.digest)
    if (trouble := taken.delivery.trouble) is not None:
        batch = Batch(trouble.context, trouble.timing, {}, 0, {}, trouble.images or "")
        why = (trouble.code, f"{agent.name}: {trouble.message}")
        what, own = (trouble.context.digest, batch.protocol, trouble.code, trouble.subjects), trouble.own
        # Once for what was asked. What passes is not noted: it counts nowhere, and comes every half minute.
        of = "" if trouble.code in PASSING and not own else _digest(taken.asked, (*what, own))
        failed = stores.measurements.fail(lease, batch, trouble.subjects, *why, own=own, of=of)
        if failed and trouble.code not in _NO_FAULTS:
            # A check that is tried again, before one was made, is no other fault: maybe nobody needs it.
            check = not SUBJECTS.keys().isdisjoint(trouble.subjects)
            of = _digest(f"check {_last_check(stores, lease, trouble)}", what) if check else ""
            stores.agent_queue.faulted(agent, f"{trouble.code}: {trouble.message}", of)


def _last_check(stores: Stores, lease: DeviceLease, trouble: Trouble) -> int:
    """Return the number of the last check that was made on a device in the context of trouble, 0 before."""
    made = {check.context: check.number for check in stores.golden.newest(lease.device)}
    return made.get(trouble.context.digest, 0)


def _keep_score(stores: Stores, taken: _Taken) -> int:
    """Keep what a file answered for images, if that was delivered; return how many scores are new.

    Raises:
        LeaseLost: Another measures there by now.
        ArtifactError: `result_conflict`.
    """
    score, context = taken.delivery.score, taken.delivery.context
    if score is None or context is None:
        return 0
    return stores.measurements.deliver_scores(taken.lease, context.digest, [score])


def _check_score(stores: Stores, agent: Agent, context: ExecutionContext | None, score: Score) -> None:
    """Refuse a score that nobody has asked for in that context, or that does not answer every image.

    Raises:
        UsageError: `not_asked_for` or `implausible_result`.
        ArtifactError: The images are damaged or missing.
    """
    where = agent.device.digest, (context.digest if context else "", scoring_protocol(score.images))
    if any(stores.agent_queue.unasked([AskedFor(*where, (score.subject,))])):
        raise UsageError(
            "not_asked_for",
            f"nobody has asked '{agent.name}' to score file {score.subject[:12]} on these images",
        )
    num_images = len(read_images(stores.artifacts.local_path(score.images, ".npy")))
    if len(score.classes) != num_images:
        reason = f"{len(score.classes)} answers for {num_images} images"
        raise UsageError("implausible_result", f"score of {score.subject[:12]} was not taken: {reason}")


def _check_asked(agent: Agent, session: SessionResult, unasked: Sequence[str]) -> None:
    """Refuse results that nobody has asked this device for.

    Raises:
        MeasurementError: `context_mismatch` where the session is of another device.
        UsageError: `not_asked_for`.
    """
    if session.device != agent.device:
        raise MeasurementError(
            "context_mismatch",
            f"the session ran on {session.device.label}, '{agent.name}' is {agent.device.label}: start the "
            "agent again",
        )
    if unasked or not _subjects(session) or not _SESSION_ID.fullmatch(session.session_id):
        named = f" the first is {unasked[0][:12]}" if unasked else ""
        raise UsageError(
            "not_asked_for",
            f"session {session.session_id[:32]} has {len(unasked)} results that nobody has asked "
            f"'{agent.name}' for:{named or ' it is empty, or its identifier is none of ours'}",
        )

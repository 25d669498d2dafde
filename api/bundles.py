"""Boards without a network: their work in an archive, and what they measured taken from the answer."""

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rich.text import Text

from api.agents import work_of
from api.bundle_work import BundleWork, num_files, work_there
from api.deliveries import Posted, deliver
from api.keys import Scope
from latency_predictors.agent_protocol import (
    MAX_CLOCK_SKEW_S,
    Delivery,
    Registration,
    check_name,
)
from latency_predictors.bundle import VERSION, Answer, Bundle, Outcome, check_board, pack, read_answer
from latency_predictors.golden import SUBJECTS
from latency_predictors.protocol import SessionResult
from latency_predictors.unit import Unit
from latency_predictors.wire_types import one_line
from nas.measurement_tasks import DeviceLease
from nas.results import Document
from nas.settings import Settings
from nas.store.agent_store import Agent
from nas.store.audit_log import Actor
from nas.store.bundle_store import StoredBundle
from nas.store.stores import Stores, opened_stores
from search_spaces.errors import ArtifactError, HwnasError, ResourceError, StoreError, UsageError

_MEANWHILE: Final = ("device_name_taken", "key_in_use", "lease_lapsed", "not_registered")
"""What ends an import where the board's own agent has registered or begun to measure in the midst of it."""


class BundleMade(Document):
    """A bundle that was written.

    Attributes:
        file: Where it stands.
        board: What specifications call the board.
        batches: In it, with
        num_files: files to measure or score.
        left_out: Files that are not in it, because the service has lost them, or the golden subjects that
            are to be measured before them. Whoever asked for them is told.
    """

    file: str
    board: str
    batches: int
    num_files: int
    left_out: int = 0

    def __rich__(self) -> Text:
        """Say what to do with it."""
        what = (
            f"{self.num_files} files in {self.batches} batches"
            if self.batches or self.left_out
            else "the board introduces itself"
        )
        if self.left_out:
            what += (
                f"; left out: {self.left_out}, because files were lost here. The jobs that wait for them are "
                "told and make them again, for the next bundle"
            )
        return Text(
            f"{self.file}: {what}\n"
            f"on the board:  hwnas agent --bundle {Path(self.file).name} --out RESULT.json\n"
            "then here:     hwnas devices import RESULT.json"
        )


class BundleImported(Document):
    """An answer that was taken.

    Attributes:
        new: Results that were not there before.
        pending: Files that the board has to measure still.
        refused: What was not taken, in words.
    """

    board: str
    new: int
    pending: int
    refused: tuple[str, ...]

    def __rich__(self) -> Text:
        """Say what there is to do still."""
        more = (
            f"hwnas devices bundle {self.board} -o NEXT.zip" if self.pending else "nothing is left to measure"
        )
        lines = [f"'{self.board}': {self.new} new results, {self.pending} files pending: {more}"]
        return Text("\n".join([*lines, *(f"not taken: {why}" for why in self.refused)]))


def make_bundle(settings: Settings, name: str, out: Path) -> BundleMade:
    """Write an archive with all that a board has to measure.

    Where the board was never heard of, it only introduces itself: the first answer registers it, the next
    bundle has its work. Files that the service has lost are left out, and whoever waits for them is told.

    Raises:
        UsageError: `invalid_device_name` or `file_exists`; `device_busy` where a file is lost while the
            board's agent works.
    """
    check_name(name)
    with opened_stores(settings) as stores:
        agent = stores.agents.find(settings.tenant, name)
        work = BundleWork() if agent is None else work_there(stores, agent)
        made = stores.bundles.make(settings.tenant, name)
        bundle = Bundle(
            protocol=VERSION,
            id=made.id,
            name=name,
            key=made.key,
            device=None if agent is None else agent.device,
            unit="" if agent is None else agent.facts["unit"],
            works=tuple(work_of(batch, made.id, 0) for batch in work.batches),
        )
        pack(bundle, {one: work.files[one] for one in bundle.digests}, out)
    return BundleMade(
        file=str(out),
        board=name,
        batches=len(bundle.works),
        num_files=num_files(work.batches),
        left_out=work.left_out,
    )


def import_answer(settings: Settings, path: Path) -> BundleImported:
    """Take what a board measured: held against what was asked, each result once.

    Where something ends it that passes, the same answer is taken again: what is there by then is not doubled.

    Raises:
        StoreError, ResourceError: As the database and the disk refuse.
        UsageError: `no_such_file`, `unknown_bundle`, `bundle_imported`, `clock_wrong`, or as a registration
            refuses a board; `another_device` where another board has measured any of it; `device_busy` while
            its agent works; one of `_MEANWHILE` where the agent has begun since.
        ArtifactError: `damaged_bundle`; `bundle_tampered` where the signature is not the bundle's.
    """
    answer = read_answer(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    with opened_stores(settings) as stores:
        made = stores.bundles.find(settings.tenant, answer.bundle)
        _check(answer, made, digest)
        assert made is not None
        known = stores.agents.find(settings.tenant, made.name)
        _check_board(answer, made.name, known)
        with _told_to_repeat(made.name):
            agent = _registered(stores, settings.tenant, made, answer.told, known)
            # Not under the agent's own name: it takes what is its own with its next request.
            lease = stores.measurements.hold(agent.device.digest, f"import {made.id}")
            try:
                new, refused = _take(stores, agent, lease, answer, made)
            finally:
                stores.measurements.give_back(lease)
        stores.bundles.taken(made.id, digest)
        pending = stores.agent_queue.load(agent.device.digest).pending
    return BundleImported(board=made.name, new=new, pending=pending, refused=tuple(refused))


@contextmanager
def _told_to_repeat(name: str) -> Iterator[None]:
    """Have whoever imports told what to do where the board's agent came between: nothing is wrong with it.

    Raises:
        UsageError: One of `_MEANWHILE`.
    """
    try:
        yield
    except HwnasError as error:
        if error.code not in _MEANWHILE:
            raise
        raise UsageError(
            error.code,
            f"the agent of '{name}' has started meanwhile: run the same command again, at once or when the "
            "agent is done; it takes the rest, and nothing is lost or doubled",
        ) from error


def _check(answer: Answer, made: StoredBundle | None, digest: str) -> None:
    """Refuse what answers no bundle of ours, is not as the board signed it, or was taken already."""
    if made is None:
        raise UsageError(
            "unknown_bundle",
            f"bundle {answer.bundle[:12]} was not made here: import it where `devices bundle` was run",
        )
    if answer.told.name != made.name or not answer.is_signed_with(made.key):
        raise ArtifactError(
            "bundle_tampered",
            f"the answer to bundle {answer.bundle[:12]} is not as '{made.name}' signed it: nothing was "
            "taken; copy it from the board again",
        )
    if made.imported == digest:
        raise UsageError(
            "bundle_imported", f"this answer of '{made.name}' was imported before: nothing was taken again"
        )
    begun_s, now_s = made.created_at_ms / 1000, time.time()
    if not begun_s - MAX_CLOCK_SKEW_S <= answer.told.clock_s <= now_s + MAX_CLOCK_SKEW_S:
        raise UsageError(
            "clock_wrong",
            f"the clock of '{made.name}' was wrong: its answer is dated before the bundle was made, or after "
            "now; set it (`date -s`), and run the bundle again into another file",
        )


def _check_board(answer: Answer, name: str, known: Agent | None) -> None:
    """Refuse what several boards have measured, or another one than the board of the name.

    An answer tells of the machine that it was last worked on; sessions say themselves which unit they ran on.
    """
    units = {answer.told.unit} | {one.session.unit for one in answer.outcomes if one.session}
    if known is not None:
        check_board(answer.told, name, Unit(known.device, known.facts["unit"]))
        units.add(known.facts["unit"])
    if len(units - {""}) > 1:
        named = one_line(", ".join(sorted(unit[:80] for unit in units if unit)))
        raise UsageError(
            "another_device",
            f"the answer of '{name}' holds what several boards have measured ({named}): nothing was taken; "
            f"run the bundle on '{name}' alone, into another file",
        )


def _registered(
    stores: Stores, tenant: str, made: StoredBundle, told: Registration, known: Agent | None
) -> Agent:
    """Register the board; one that is new gets a key that ends at once: nobody has its secret."""
    if known is not None:
        told = told.model_copy(update={"instance": known.instance})
        return stores.agents.register(tenant, Actor(made.name, known.key_id), told)
    key, _ = stores.keys.create(tenant, made.name, [Scope.DEVICE.value])
    agent = stores.agents.register(tenant, Actor(made.name, key.id), told)
    stores.keys.revoke(tenant, key.id)
    return agent


def _take(
    stores: Stores, agent: Agent, lease: DeviceLease, answer: Answer, made: StoredBundle
) -> tuple[int, list[str]]:
    """Keep outcomes in their order; return how many results were new, and what was not taken."""
    new, refused = 0, []
    for outcome in answer.outcomes:
        try:
            new += _take_one(stores, agent, lease, outcome, made)
        except HwnasError as error:
            if isinstance(error, StoreError | ResourceError) or error.code in _MEANWHILE:
                raise
            refused.append(f"batch {outcome.work + 1}: {error.message} ({error.code})")
    return new, refused


def _take_one(stores: Stores, agent: Agent, lease: DeviceLease, outcome: Outcome, made: StoredBundle) -> int:
    session = outcome.session
    if session is not None and _drifted(stores, agent, session):
        raise UsageError(
            "golden_drifted",
            f"golden subjects of '{agent.name}' have drifted with {session.context.label}: what was measured "
            "beside them is measured again",
        )
    delivery = Delivery(
        instance=agent.instance,
        attempt=lease.attempt,
        session=session,
        trouble=outcome.trouble,
        score=outcome.score,
        context=outcome.context,
    )
    posted = Posted(agent.key_id, lease.token, delivery, made.created_at_ms / 1000, made.id)
    (told,) = deliver(stores, [posted])
    if isinstance(told, HwnasError):
        raise told
    return told


def _drifted(stores: Stores, agent: Agent, session: SessionResult) -> bool:
    """Return whether a session ran beside golden subjects that had drifted, and is no check itself."""
    if any(result.digest in SUBJECTS for result in session.results):
        return False
    newest = {check.context: check.verdict for check in stores.golden.newest(agent.device.digest)}
    return newest.get(session.context.digest) == "drifted"

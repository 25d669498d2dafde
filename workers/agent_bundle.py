"""`hwnas agent --bundle`: measures what an archive asks for, on a board without a network."""

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from rich.text import Text

from latency_predictors.agent_protocol import Registration, Score, Work
from latency_predictors.bundle import Answer, Bundle, Outcome, check_board, read_answer, unpack
from latency_predictors.protocol import Subject
from latency_predictors.runtimes import get_runtime
from latency_predictors.unit import Unit
from search_spaces.errors import ArtifactError, HwnasError, UsageError
from workers.agent_home import disk_told
from workers.agent_means import Means, scores, tellable, trouble_of


class BundleDone(BaseModel):
    """A bundle that was worked on.

    Attributes:
        out: The answer.
        finished: Batches that are done, of
        batches: all.
    """

    out: str
    finished: int
    batches: int

    def __rich__(self) -> Text:
        """Say what to do with it."""
        what = (
            f"{self.finished} of {self.batches} batches are done"
            if self.batches
            else "the board is described"
        )
        return Text(f"{what}: carry {self.out} back, and `hwnas devices import` it", overflow="ignore")


@dataclass
class BundleRun:
    """One bundle while it is worked on.

    Attributes:
        files: Of the bundle, by digest.
        answer: What came of it so far; written after everything that comes.
        out: Where.
        say: Told what happens, a line each.
    """

    bundle: Bundle
    files: Mapping[str, Path]
    means: Means
    answer: Answer
    out: Path
    say: Callable[[str], object]
    _reference: dict[str, dict[str, float]] = field(default_factory=dict)

    def run(self) -> BundleDone:
        """Measure and score what is left."""
        self._save()
        for number, work in enumerate(self.bundle.works):
            if number not in self.answer.finished:
                self._do(number, work)
        num_batches = len(self.bundle.works)
        return BundleDone(out=str(self.out), finished=len(self.answer.finished), batches=num_batches)

    def _do(self, number: int, work: Work) -> None:
        """Work on what is left of a batch; what keeps it from being done is told, and the others go on."""
        self.say(f"batch {number + 1} of {len(self.bundle.works)}: {len(work.files)} files")
        subjects = self._subjects(work)
        try:
            if work.images:
                self._score(number, work, subjects)
            else:
                self._measure(number, work, subjects)
        except HwnasError as error:
            told = self._told(number)
            self._trouble(number, error, [one for one in work.files if one not in told])
        self._finish(number)

    def _score(self, number: int, work: Work, subjects: Sequence[Subject]) -> None:
        """Score files one by one: what is a file's own fault is told of that file alone."""
        assert work.images is not None
        told = self._told(number)
        left = [one for one in subjects if one.digest not in told]
        for subject, found in scores(work, left, self.files[work.images], self.means, self._progress):
            if isinstance(found, Score):
                self._add(Outcome(work=number, score=found, context=work.context))
            else:
                self._trouble(number, found, [subject], own=True)

    def _told(self, number: int) -> set[str]:
        """Return the files of a batch that the answer tells of, where each is told of alone."""
        mine = [one for one in self.answer.outcomes if one.work == number]
        failed = {subject for one in mine if one.trouble for subject in one.trouble.subjects}
        return failed | {one.score.subject for one in mine if one.score}

    def _trouble(self, number: int, error: HwnasError, subjects: Sequence[str], *, own: bool = False) -> None:
        self.say(f"error[{error.code}]: {error.message}")
        if subjects:  # an earlier run may have been ended when it had told of all, but not that it is done
            trouble = trouble_of(self.bundle.works[number], error, subjects, own=own)
            self._add(Outcome(work=number, trouble=trouble))

    def _measure(self, number: int, work: Work, subjects: Sequence[Subject]) -> None:
        assert self.bundle.device is not None
        # What an earlier run measured counts; and the first session in a context sets its reference.
        done = [one.session for one in self.answer.outcomes if one.work == number and one.session]
        earlier = [one.session for one in self.answer.outcomes if one.session]
        mine = [one.reference_ms for one in earlier if one.context == work.context]
        sessions = self.means.measure(
            subjects,
            work.context,
            work.timing,
            num_sessions=max(1, work.sessions - len(done)),
            reference_ms=work.reference_ms or (mine[-1] if mine else {}),
            on_progress=self._progress,
        )
        for session in sessions:
            # Of this very machine: `run_bundle` has held it against the bundle. It has its identifier there.
            session = session.model_copy(update={"device": self.bundle.device})
            self._add(Outcome(work=number, session=tellable(session)))

    def _subjects(self, work: Work) -> list[Subject]:
        """Return the files with the suffix that their runtime wants."""
        suffix = f".{get_runtime(work.context.runtime).file_format}"
        found = []
        for subject, digest in work.files.items():
            path = self.files[digest].with_suffix(suffix)
            if not path.exists():
                path.symlink_to(self.files[digest])
            found.append(Subject(digest=subject, path=path))
        return found

    def _add(self, outcome: Outcome) -> None:
        self.answer = self.answer.model_copy(update={"outcomes": (*self.answer.outcomes, outcome)})
        self._save()

    def _finish(self, number: int) -> None:
        self.answer = self.answer.model_copy(update={"finished": (*self.answer.finished, number)})
        self._save()

    def _save(self) -> None:
        self.answer = self.answer.signed(self.bundle.key)
        with disk_told(f"choose another place for {self.out.name} with --out"):
            self.answer.save(self.out)

    def _progress(self, done: int, total: int) -> None:
        if done == total:
            self.say(f"{done} of {total}")


def run_bundle(
    path: Path,
    out: Path,
    means: Means,
    facts: Mapping[str, Any],
    instance: str,
    say: Callable[[str], object],
) -> BundleDone:
    """Measure what a bundle asks for; go on where an earlier run of it was ended.

    Args:
        path: The bundle.
        out: The answer: made, or gone on with.
        means: Of the board.
        facts: What the board tells of itself.
        instance: Of the agent's installation.
        say: Told what happens, a line each.

    Raises:
        UsageError: `no_such_file`, `agent_outdated` or `agent_newer`; `another_device` where this machine is
            not the one that the bundle is for, or that the answer was begun on; `file_exists` where the
            answer is another's.
        ArtifactError: `damaged_bundle`.
        ResourceError: `disk_full` or `not_writable`.
    """
    with disk_told(), tempfile.TemporaryDirectory(prefix="hwnas-bundle-") as folder:
        bundle, files = unpack(path, Path(folder))
        own = {"name": bundle.name, "instance": instance, "cache_bytes": 0, "clock_s": time.time()}
        told = Registration.model_validate({**facts, **own})
        if bundle.device is not None:
            check_board(told, bundle.name, Unit(bundle.device, bundle.unit))
        answer = _begun(out, bundle, told)
        return BundleRun(bundle, files, means, answer, out, say).run()


def _begun(out: Path, bundle: Bundle, told: Registration) -> Answer:
    """Return the answer of an earlier run, or an empty one."""
    if not out.exists():
        return Answer(bundle=bundle.id, told=told, outcomes=(), finished=())
    try:
        answer = read_answer(out)
    except ArtifactError as error:
        raise UsageError(
            "file_exists", f"{out} is there already, and no answer: choose another name"
        ) from error
    if answer.bundle != bundle.id or not answer.is_signed_with(bundle.key):
        raise UsageError("file_exists", f"{out} answers another bundle: choose another name")
    before, here = Unit(answer.told.device, answer.told.unit), Unit(told.device, told.unit)
    if answer.outcomes and not here.may_be(before):
        raise UsageError(
            "another_device",
            f"{out} was begun on {before.label}, and this is {here.label}: go on there, or choose another "
            "name",
        )
    return answer.model_copy(update={"told": told})

"""`hwnas agent --bundle` on this machine: a real file is measured; what cannot be is told in the answer."""

import hashlib
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from latency_predictors.agent_protocol import PROTOCOL, Work
from latency_predictors.anchors import default_anchors
from latency_predictors.bundle import Bundle, pack, read_answer
from latency_predictors.device import host_context, host_device
from latency_predictors.measure import LAYER_PROTOCOL
from latency_predictors.scoring import ScoringRequest
from search_spaces.errors import ArtifactError, MeasurementError, ResourceError, UsageError
from tests.latency_predictors.timed_sessions import timed_session
from tests.nas.store.boards import INSTANCE, told
from workers.agent_bundle import run_bundle
from workers.agent_means import Means
from workers.agent_serving import measure_bundle

KEY = "7" * 64


FACTS = told(device=host_device()).model_dump()
"""What the board tells that the archives here are for."""


def packed(folder: Path, **more: Any) -> Path:
    """An archive with one file, to be measured once."""
    anchor = default_anchors("onnx")[0]
    work = Work(
        lease="1" * 32,
        attempt=0,
        context=host_context(),
        timing=LAYER_PROTOCOL,
        files={"2" * 64: anchor.digest},
        sessions=1,
        reference_ms={},
    )
    facts = {"protocol": PROTOCOL, "id": "1" * 32, "name": "pi5", "key": KEY, "device": host_device()}
    bundle = Bundle.model_validate({**facts, "works": (work,), **more})
    pack(bundle, {anchor.digest: anchor.path}, folder / "pi5.zip")
    return folder / "pi5.zip"


def test_a_real_file_is_measured(tmp_path: Path) -> None:
    out = tmp_path / "result.json"
    done = measure_bundle(packed(tmp_path), out, tmp_path / "home", "ignore")
    assert (done.finished, done.batches) == (1, 1)
    answer = read_answer(out)
    assert answer.is_signed_with(KEY)
    (outcome,) = answer.outcomes
    assert outcome.session is not None
    assert outcome.session.results[0].median_ms > 0
    assert answer.told.name == "pi5"


def test_what_cannot_be_measured_is_told(tmp_path: Path) -> None:
    def refuse(*what: object, **more: object) -> object:
        raise MeasurementError("machine_busy", "others work here")

    means = Means(refuse, refuse)  # type: ignore[arg-type]
    done = run_bundle(packed(tmp_path), tmp_path / "out.json", means, FACTS, INSTANCE, lambda line: None)
    assert done.finished == 1
    (outcome,) = read_answer(tmp_path / "out.json").outcomes
    assert outcome.trouble is not None
    assert (outcome.trouble.code, outcome.trouble.subjects) == ("machine_busy", ("2" * 64,))


def test_what_is_no_number_leaves_an_answer_that_can_be_read(tmp_path: Path) -> None:
    session = timed_session(["2" * 64], host_device(), host_context())
    nowhen = session.model_copy(update={"reference_ms": {"a": math.nan}})
    means = Means(lambda *what, **more: iter([nowhen]), lambda *what: ())
    run_bundle(packed(tmp_path), tmp_path / "out.json", means, FACTS, INSTANCE, lambda line: None)
    (outcome,) = read_answer(tmp_path / "out.json").outcomes
    assert outcome.trouble is not None
    assert outcome.trouble.code == "implausible_result"


IMAGES = b"images"
NAMES = ("one", "two", "three")


class Scorer:
    """Names a class for each of no images, and notes for which files; some of them end it.

    Attributes:
        asked: Names of the files, in order.
        ends: What scoring a file ends with.
    """

    def __init__(self, **ends: BaseException) -> None:
        self.asked: list[str] = []
        self.ends = ends

    def __call__(self, request: ScoringRequest, on_progress: object) -> tuple[int, ...]:
        name = request.file.read_text()
        self.asked.append(name)
        if name in self.ends:
            raise self.ends[name]
        return (3,)


def to_score(folder: Path) -> Path:
    """An archive with three files, to be scored."""
    files = {hashlib.sha256(name.encode()).hexdigest(): name.encode() for name in NAMES}
    images = hashlib.sha256(IMAGES).hexdigest()
    for digest, content in {**files, images: IMAGES}.items():
        (folder / digest).write_bytes(content)
    work = Work(
        lease="1" * 32,
        attempt=0,
        context=host_context(),
        timing=LAYER_PROTOCOL,
        files={digest: digest for digest in files},
        sessions=1,
        reference_ms={},
        images=images,
    )
    facts = {"protocol": PROTOCOL, "id": "1" * 32, "name": "pi5", "key": KEY, "device": host_device()}
    bundle = Bundle.model_validate({**facts, "works": (work,)})
    pack(bundle, {digest: folder / digest for digest in bundle.digests}, folder / "pi5.zip")
    return folder / "pi5.zip"


def scored(folder: Path, scorer: Scorer) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """Names of the files with a score in the answer, and each trouble: its code, and of which files."""
    names = {hashlib.sha256(name.encode()).hexdigest(): name for name in NAMES}
    archive, out = folder / "pi5.zip", folder / "out.json"
    assert run_bundle(archive, out, Means(unmeasured, scorer), FACTS, INSTANCE, print).finished == 1
    outcomes = read_answer(out).outcomes
    troubles = [one.trouble for one in outcomes if one.trouble]
    return (
        [names[one.score.subject] for one in outcomes if one.score],
        [(trouble.code, [names[subject] for subject in trouble.subjects]) for trouble in troubles],
    )


@pytest.mark.parametrize("code", ["file_not_loadable", "session_died"])
def test_what_is_a_files_own_fault_is_told_of_it_alone_and_the_others_are_scored(
    tmp_path: Path, code: str
) -> None:
    to_score(tmp_path)
    scorer = Scorer(two=MeasurementError(code, "no such operator"))
    assert scored(tmp_path, scorer) == (["one", "three"], [(code, ["two"])])
    assert [one.trouble.own for one in read_answer(tmp_path / "out.json").outcomes if one.trouble] == [True]


def test_what_is_not_a_files_own_fault_is_told_of_those_that_are_left(tmp_path: Path) -> None:
    to_score(tmp_path)
    scorer = Scorer(two=ArtifactError("damaged_images", "they are no images"))
    assert scored(tmp_path, scorer) == (["one"], [("damaged_images", ["two", "three"])])
    assert [one.trouble.own for one in read_answer(tmp_path / "out.json").outcomes if one.trouble] == [False]
    assert scorer.asked == ["one", "two"]


def test_scoring_goes_on_where_it_was_ended(tmp_path: Path) -> None:
    to_score(tmp_path)
    scorer = Scorer(one=MeasurementError("file_not_loadable", "no"), three=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        scored(tmp_path, scorer)
    again = Scorer()
    assert scored(tmp_path, again) == (["two", "three"], [("file_not_loadable", ["one"])])
    assert again.asked == ["three"]


def unmeasured(*what: object, **more: object) -> Any:
    """Measure on a machine where nothing is to be measured."""
    raise AssertionError("nothing is measured here")


@pytest.mark.parametrize(
    "other", [{"device": replace(host_device(), cpu_model="Cortex-A72"), "unit": ""}, {"unit": "board-2"}]
)
def test_on_another_board_it_ends_at_once_and_names_both(tmp_path: Path, other: dict[str, Any]) -> None:
    archive, out = packed(tmp_path, unit="board-1"), tmp_path / "out.json"
    facts = told(**{"device": host_device(), **other}).model_dump()
    with pytest.raises(UsageError, match="run it on 'pi5'") as caught:
        run_bundle(archive, out, Means(unmeasured, unmeasured), facts, INSTANCE, print)
    assert caught.value.code == "another_device"
    assert f"'pi5', which is {host_device().label} (board-1), and" in caught.value.message
    assert ("Cortex-A72" in caught.value.message) != ("(board-2) is another board" in caught.value.message)
    assert not out.exists()


def test_an_answer_is_not_gone_on_with_on_another_board(tmp_path: Path) -> None:
    archive, out = packed(tmp_path), tmp_path / "out.json"
    session = timed_session(["2" * 64], host_device(), host_context())

    def cut(*what: object, **more: object) -> Any:
        yield session
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_bundle(archive, out, Means(cut, unmeasured), FACTS, INSTANCE, print)
    begun, unnamed = out.read_bytes(), {**FACTS, "unit": ""}
    with pytest.raises(UsageError, match=r"\(board-1\), and this is .* \(board-2\)") as caught:
        run_bundle(archive, out, Means(unmeasured, unmeasured), {**FACTS, "unit": "board-2"}, INSTANCE, print)
    assert caught.value.code == "another_device"
    assert out.read_bytes() == begun
    means = Means(lambda *what, **more: iter([session]), unmeasured)
    assert run_bundle(archive, out, means, unnamed, INSTANCE, print).finished == 1, "nothing tells it apart"


def test_an_answer_that_cannot_be_written_is_told_before_anything_is_measured(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match=r"y\.json with --out$") as caught:
        measure_bundle(packed(tmp_path), Path("/proc/x/y.json"), tmp_path / "home", "ignore")
    assert caught.value.code == "not_writable"


def test_both_files_are_needed(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        measure_bundle(tmp_path / "pi5.zip", None, tmp_path / "home", "ignore")
    assert caught.value.code == "conflicting_options"

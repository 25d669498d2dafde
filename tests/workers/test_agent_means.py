"""Files of a batch are scored one after the other, on the images of the batch."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from latency_predictors.agent_protocol import Score, Work
from latency_predictors.measure import NETWORK_PROTOCOL
from latency_predictors.protocol import Subject
from latency_predictors.scoring import ScoringRequest
from search_spaces.errors import ArtifactError, HwnasError, MeasurementError
from tests.latency_predictors.sessions import CONTEXT
from workers.agent_means import Means, scores, trouble_of

IMAGES, FILES = "f" * 64, {"1" * 64: "a" * 64, "2" * 64: "b" * 64}
WORK = Work(
    lease="1" * 32,
    attempt=1,
    context=CONTEXT,
    timing=NETWORK_PROTOCOL,
    files=FILES,
    sessions=1,
    reference_ms={},
    images=IMAGES,
)


def test_each_file_is_scored_and_progress_is_told(tmp_path: Path) -> None:
    seen: list[ScoringRequest] = []

    def name_classes(request: ScoringRequest, on_progress: object) -> tuple[int, ...]:
        seen.append(request)
        assert callable(on_progress)
        on_progress(2)
        return (len(seen), 0)

    subjects = [Subject(digest=one, path=tmp_path / one) for one in FILES]
    told: list[tuple[int, int]] = []
    means = Means(lambda *what, **more: iter(()), name_classes)
    found = list(scores(WORK, subjects, tmp_path / "images.npy", means, lambda *how: told.append(how)))
    assert found == [
        (one, Score(subject=one, images=IMAGES, classes=classes))
        for one, classes in zip(FILES, [(1, 0), (2, 0)], strict=True)
    ]
    assert [(one.file, one.images) for one in seen] == [
        (tmp_path / one, tmp_path / "images.npy") for one in FILES
    ]
    assert told == [(0, 2), (1, 2)]


@pytest.mark.parametrize("code", ["session_died", "file_not_loadable", "unsupported_subject"])
def test_what_a_file_is_to_blame_for_stands_in_its_place_and_the_next_one_is_scored(
    tmp_path: Path, code: str
) -> None:
    error = MeasurementError(code, "not this one")
    assert list(named(tmp_path, error)) == [
        ("1" * 64, error),
        ("2" * 64, Score(subject="2" * 64, images=IMAGES, classes=(0,))),
    ]


def test_what_is_not_a_files_own_fault_ends_scoring(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no images"):
        list(named(tmp_path, ArtifactError("damaged_images", "no images")))


def named(folder: Path, error: HwnasError) -> Iterator[tuple[str, Score | MeasurementError]]:
    """What comes of two files, the first of which ends with an error."""

    def name_classes(request: ScoringRequest, on_progress: object) -> tuple[int, ...]:
        if request.file.name == "1" * 64:
            raise error
        return (0,)

    subjects = [Subject(digest=one, path=folder / one) for one in FILES]
    means = Means(lambda *what, **more: iter(()), name_classes)
    return scores(WORK, subjects, folder / "images.npy", means, lambda done, total: None)


def test_trouble_is_told_in_one_short_line_with_what_it_befell() -> None:
    error = MeasurementError("session_died", "\x1b[1;31mits last words\n" + "x" * 9_000)
    told = trouble_of(WORK, error, list(FILES), own=True)
    assert (told.code, told.subjects, told.own, told.images) == ("session_died", tuple(FILES), True, IMAGES)
    assert told.message.startswith(" [1;31mits last words x")
    assert len(told.message) == 2_000

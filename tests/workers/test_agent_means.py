"""Files of a batch are scored one after the other, on the images of the batch."""

from pathlib import Path

from latency_predictors.agent_protocol import Work
from latency_predictors.measure import NETWORK_PROTOCOL
from latency_predictors.protocol import Subject
from latency_predictors.scoring import ScoringRequest
from search_spaces.errors import MeasurementError
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
    assert [(one.subject, one.images, one.classes) for one in found] == [
        ("1" * 64, IMAGES, (1, 0)),
        ("2" * 64, IMAGES, (2, 0)),
    ]
    assert [(one.file, one.images) for one in seen] == [
        (tmp_path / one, tmp_path / "images.npy") for one in FILES
    ]
    assert told == [(0, 2), (1, 2)]


def test_trouble_is_told_in_one_short_line_with_what_it_befell() -> None:
    error = MeasurementError("session_died", "\x1b[1;31mits last words\n" + "x" * 9_000)
    told = trouble_of(WORK, error, list(FILES), own=True)
    assert (told.code, told.subjects, told.own, told.images) == ("session_died", tuple(FILES), True, IMAGES)
    assert told.message.startswith(" [1;31mits last words x")
    assert len(told.message) == 2_000

"""Files of a batch are scored one after the other, on the images of the batch."""

from pathlib import Path

from latency_predictors.agent_protocol import Work
from latency_predictors.measure import NETWORK_PROTOCOL
from latency_predictors.protocol import Subject
from latency_predictors.scoring import ScoringRequest
from tests.latency_predictors.sessions import CONTEXT
from workers.agent_means import Means, scores


def test_each_file_is_scored_and_progress_is_told(tmp_path: Path) -> None:
    seen: list[ScoringRequest] = []

    def name_classes(request: ScoringRequest, on_progress: object) -> tuple[int, ...]:
        seen.append(request)
        assert callable(on_progress)
        on_progress(2)
        return (len(seen), 0)

    images, files = "f" * 64, {"1" * 64: "a" * 64, "2" * 64: "b" * 64}
    work = Work(
        lease="1" * 32,
        attempt=1,
        context=CONTEXT,
        timing=NETWORK_PROTOCOL,
        files=files,
        sessions=1,
        reference_ms={},
        images=images,
    )
    subjects = [Subject(digest=one, path=tmp_path / one) for one in files]
    told: list[tuple[int, int]] = []
    means = Means(lambda *what, **more: iter(()), name_classes)
    found = list(scores(work, subjects, tmp_path / "images.npy", means, lambda *how: told.append(how)))
    assert [(one.subject, one.images, one.classes) for one in found] == [
        ("1" * 64, images, (1, 0)),
        ("2" * 64, images, (2, 0)),
    ]
    assert [(one.file, one.images) for one in seen] == [
        (tmp_path / one, tmp_path / "images.npy") for one in files
    ]
    assert told == [(0, 2), (1, 2)]

"""Images of a search: every file is decoded to be looked at, and once more for all resolutions; no more."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nas import workplace
from nas.data import file_source, pieces
from nas.data.decode import decode
from nas.jobs import JobState
from nas.pipeline.images import (
    FEW,
    LOOKING,
    RESIZING,
    STRETCHES,
    Decoding,
    looking,
    prepare_images,
)
from nas.pipeline.planning import basis_of, make_plan
from nas.results import SEARCH_PHASES
from search_spaces.network import fixed_space
from search_spaces.sampling import as_architecture, largest
from tests.nas.pipeline.small_search import Home, Recorder, small_spec

NUM_IMAGES = 120


@pytest.fixture
def photos(tmp_path: Path) -> dict[str, Any]:
    """A folder of images as a specification names it; no two look alike."""
    for number in range(NUM_IMAGES):
        path = tmp_path / "photos" / "abcd"[number % 4] / f"{number:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (20, 18, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    return {"name": "image_folder", "path": str(tmp_path / "photos")}


@pytest.fixture
def decodings(monkeypatch: pytest.MonkeyPatch) -> Counter[bytes]:
    """How often each file is decoded."""
    counts: Counter[bytes] = Counter()

    def counted(file: bytes, num_channels: int | None = None) -> Any:
        counts[file] += 1
        return decode(file, num_channels)

    monkeypatch.setattr(file_source, "decode", counted)
    return counts


def in_other_processes() -> None:
    """Forget the images that this process has open: tasks of the product have processes of their own."""
    workplace._opened.cache_clear()


def stretch(progress: Recorder, name: str) -> list[tuple[float, float]]:
    return [(done, total) for phase, done, total, _ in progress.steps if phase == name]


def test_a_search_decodes_each_file_twice_however_often_it_is_claimed(
    home: Home, photos: dict[str, Any], decodings: Counter[bytes]
) -> None:
    job = home.submit(small_spec(dataset=photos, references=[]))
    progress, attempts = Recorder(), 1
    while home.attempt(job, progress) is not JobState.SUCCEEDED:
        in_other_processes()
        home.watch.serve(home.stores)
        attempts += 1
    assert attempts > 2
    # And a few of them to see how long that takes: the epochs are given, so nothing was to be timed.
    assert set(decodings.values()) == {2}
    assert len(decodings) == NUM_IMAGES
    assert stretch(progress, LOOKING) == [(0, 120), (120, 120)]
    # 70 % train, 15 % each for validation and test.
    assert stretch(progress, RESIZING) == [(done, 120) for done in (0, 64, 84, 84, 102, 102, 120, 120)]
    assert [text for text in progress.said if "images" in text] == [
        "120 images are looked at for the first time: what is seen is kept",
        "120 images are decoded at 16 pixels: they are kept",
    ]


def test_a_plan_looks_once_and_counts_what_is_left(
    home: Home, photos: dict[str, Any], decodings: Counter[bytes]
) -> None:
    ctx = home.unsubmitted(dataset=photos)
    assert set(decodings.values()) == {1}
    plan = make_plan(ctx)
    assert sum(decodings.values()) == NUM_IMAGES + 32
    training = next(phase for phase in plan.phases if phase.name == "train")
    assert training.note == "2 epochs, 120 images to decode before"
    # A search that begins then has them still before it, and after that nobody has.
    again = home.unsubmitted(dataset=photos)
    assert sum(decodings.values()) == NUM_IMAGES + 32
    prepare_images(again, again.space)
    in_other_processes()
    left = basis_of(home.unsubmitted(dataset=photos))
    assert (left.images_left, left.throughput.decoding_s) == (0, 0.0)
    assert left.image_bytes == NUM_IMAGES * 3 * 16**2
    assert sum(decodings.values()) == 2 * NUM_IMAGES + 32


def test_images_that_were_removed_are_made_before_the_phase_that_needs_them(
    home: Home, photos: dict[str, Any]
) -> None:
    job = home.submit(small_spec(dataset=photos, references=[]))
    while not home.runs or not home.runs[-1].has("train.time"):
        home.attempt(job)
        home.watch.serve(home.stores)
    for path in (home.settings.home / "images").glob("*.u8"):
        path.unlink()
    in_other_processes()
    progress = Recorder()
    home.attempt(job, progress)
    assert stretch(progress, RESIZING)[-1] == (120, 120)


def test_preparing_goes_on_where_another_was_killed(
    home: Home, photos: dict[str, Any], decodings: Counter[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "PIECE_IMAGES", 20)

    class Killed(Recorder):
        def step(self, phase: str, done: float, total: float, note: str = "") -> None:
            if phase == RESIZING and done >= 40:
                raise KeyboardInterrupt

    killed = home.context(Killed(), dataset=photos)
    with pytest.raises(KeyboardInterrupt):
        prepare_images(killed, killed.space)
    assert sum(decodings.values()) == NUM_IMAGES + 40
    again = home.unsubmitted(dataset=photos)
    prepare_images(again, again.space)
    assert sum(decodings.values()) == 2 * NUM_IMAGES


def test_one_network_needs_its_own_resolution_only(home: Home, photos: dict[str, Any]) -> None:
    progress = Recorder()
    ctx = home.context(progress, dataset=photos, space={"name": "mobilenet_v3", "preset": "tiny"})
    prepare_images(ctx, fixed_space(ctx.space, as_architecture(largest(ctx.space)[0])))
    assert ctx.dataset.left((32,)) == 0
    assert ctx.dataset.left((12, 16, 24, 32)) == NUM_IMAGES
    prepare_images(ctx, ctx.space)
    assert ctx.dataset.left((12, 16, 24, 32)) == 0
    assert [text for text in progress.said if "decoded" in text] == [
        "120 images are decoded at 32 pixels: they are kept",
        "120 images are decoded for 4 resolutions: they are kept",
    ]


def test_images_from_memory_are_not_spoken_of(home: Home) -> None:
    progress = Recorder()
    ctx = home.context(progress)
    prepare_images(ctx, ctx.space)
    assert (progress.steps, progress.said) == ([], [])


def test_a_message_comes_once_and_the_end_has_no_note() -> None:
    progress = Recorder()
    told = Decoding(progress, RESIZING, "are resized")
    for done in (0, 1_500, 12_000):
        told(done, 12_000)
    assert progress.said == ["12,000 images are resized"]
    assert progress.steps == [
        ("resizing", 0, 12_000, "0 of 12,000 images"),
        ("resizing", 1_500, 12_000, "1,500 of 12,000 images"),
        ("resizing", 12_000, 12_000, ""),
    ]
    looking(progress)(0, 300)
    assert progress.steps[-1][0] == LOOKING


def test_stretches_are_no_phases() -> None:
    assert not set(STRETCHES) & set(SEARCH_PHASES)


def test_of_a_few_files_nothing_is_told_while_they_are_looked_at() -> None:
    progress = Recorder()
    for total in (FEW, FEW + 1):
        looking(progress)(0, total)
    assert progress.said == ["65 images are looked at for the first time: what is seen is kept"]
    assert len(progress.steps) == 1

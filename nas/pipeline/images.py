"""Images, made ready before tasks ask for them: no file is decoded anew for each resolution and process."""

from contextlib import closing
from typing import Final, final

from nas.pipeline.context import Progress, SearchContext
from nas.task_events import ImagesDecoded
from nas.tasks import DecodeImages
from search_spaces.base import SearchSpace
from search_spaces.slot_tables import resolutions

LOOKING: Final = "images"
"""Every file is decoded to see what is broken, what looks alike and what the splits are."""

RESIZING: Final = "resizing"
"""Every file that is used is decoded once more and resized."""

FEW: Final = 64
"""Files up to which a look takes a moment, of which nothing is told."""

STRETCHES: Final = (LOOKING, RESIZING)
"""What may go on beside the phases, at any time: told as they are, each time that more is kept."""


@final
class Decoding:
    """Tells how many of how many images are decoded; a message when it begins.

    Args:
        progress: Is told.
        stretch: One of `STRETCHES`.
        what: Said of the number of images: what is done, and how long it is kept.
    """

    def __init__(self, progress: Progress, stretch: str, what: str) -> None:
        self._progress = progress
        self._stretch = stretch
        self._what = what
        self._said = False

    def __call__(self, done: int, total: int) -> None:
        """Tell it."""
        if self._stretch == LOOKING and total <= FEW:
            return
        if not self._said:
            self._said = True
            self._progress.say(f"{total:,} images {self._what}")
        note = "" if done >= total else f"{done:,} of {total:,} images"
        self._progress.step(self._stretch, done, total, note)


def looking(progress: Progress) -> Decoding:
    """Return what tells of images that are opened."""
    return Decoding(progress, LOOKING, "are looked at for the first time: what is seen is kept")


def prepare_images(ctx: SearchContext, space: SearchSpace) -> None:
    """Decode and resize what is not there yet; where all is, it takes no time.

    Args:
        ctx: With the images.
        space: Of the networks that will look at them.

    Raises:
        DataError: `data_changed`.
        ResourceError: `disk_full`.
    """
    sides = resolutions(space)
    if not ctx.dataset.left(sides):
        return
    what = (
        f"are decoded for {len(sides)} resolutions" if len(sides) > 1 else f"are decoded at {sides[0]} pixels"
    )
    told = Decoding(ctx.progress, RESIZING, f"{what}: they are kept")
    with closing(ctx.compute.run(DecodeImages(ctx.inputs, sides))) as events:
        for event in events:
            assert isinstance(event, ImagesDecoded)
            told(event.done, event.total)

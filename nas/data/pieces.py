"""Pixels that take long to make, made piece by piece in a folder: what was made outlives whoever made it.

A piece is a few images of a part at one resolution, in a file of its own. When all are there they are put
together, and go. Several processes that need the same take turns, piece by piece: what one has made the
others find.
"""

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, final

from nas.data.contents import Part
from nas.data.pixel_file import PixelFile, Shape, is_there, read_pixels
from nas.data.source import ImageSource
from search_spaces.atomic import room

PIECE_IMAGES: Final = 64
"""At most: they are decoded in the time between two words of how far it is."""

PIECE_BYTES: Final = 32 * 2**20
"""At most, all resolutions together: they are in memory at a time."""


@final
class Pieces:
    """The images of a part at some resolutions, on their way into one file for each resolution.

    Args:
        folder: Where all of these files are.
        name: Begins their names; no other data set has it.
        part: Which images.
        num_images: Of the part.
        num_channels: 1 or 3.
    """

    def __init__(self, folder: Path, name: str, part: Part, num_images: int, num_channels: int) -> None:
        self._folder = folder
        self._data = name
        self._name = f"{name}-{part}"
        self._part = part
        self._num_images = num_images
        self._num_channels = num_channels

    def make(self, source: ImageSource, resolutions: Sequence[int]) -> Iterator[int]:
        """Make what is missing of all pieces in one pass over the images, then the whole files.

        Args:
            source: Of the images.
            resolutions: All that are needed, those with a whole file as well: how large pieces are depends on
                these, so that whoever goes on with the same finds them.

        Yields:
            How many images are done, each time that some were made just now or a file of all is complete.

        Raises:
            DataError: `data_changed`.
            ResourceError: `disk_full`.
        """
        with self._alone():
            for left in self._folder.glob(f"{self._data}-*.partial"):
                left.unlink(missing_ok=True)  # half written when another was killed: who works is alone
            for side in resolutions:
                if read_pixels(self._whole(side), self._shape(side, self._num_images)) is None:
                    self._whole(side).unlink(missing_ok=True)  # it is damaged, or of an older version
        for rows in self._stretches(resolutions):
            with self._alone():
                missing = tuple(
                    side
                    for side in resolutions
                    if not self._is_whole(side) and not self._is_sound(side, rows)
                )
                if missing:
                    self._write(source, missing, rows)
            if missing:
                yield rows.stop
        for side in resolutions:
            with self._alone():
                complete = self._is_whole(side)
                if not complete:
                    self._put_together(side, resolutions)
            if not complete:
                yield self._num_images

    def _stretches(self, resolutions: Sequence[int]) -> Iterator[slice]:
        image_bytes = sum(self._num_channels * side**2 for side in resolutions)
        step = min(max(PIECE_BYTES // image_bytes, 1), PIECE_IMAGES)
        for start in range(0, self._num_images, step):
            yield slice(start, min(start + step, self._num_images))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Be the one that works on this data set; wait while another does.

        The kernel ends this with the process, however it ends.
        """
        with room(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            file = (self._folder / f"{self._data}.lock").open("ab")
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _whole(self, resolution: int) -> Path:
        return self._folder / f"{self._name}-{resolution}.u8"

    def _is_whole(self, resolution: int) -> bool:
        return is_there(self._whole(resolution), self._shape(resolution, self._num_images))

    def _shape(self, resolution: int, num_images: int) -> Shape:
        return num_images, self._num_channels, resolution, resolution

    def _piece(self, resolution: int, rows: slice) -> Path:
        return self._folder / f"{self._name}-{resolution}.{rows.start}-{rows.stop}.piece"

    def _is_sound(self, resolution: int, rows: slice) -> bool:
        shape = self._shape(resolution, rows.stop - rows.start)
        return read_pixels(self._piece(resolution, rows), shape) is not None

    def _write(self, source: ImageSource, resolutions: tuple[int, ...], rows: slice) -> None:
        images = list(source.resized(self._part, resolutions, rows))
        for number, side in enumerate(resolutions):
            path, shape = self._piece(side, rows), self._shape(side, rows.stop - rows.start)
            with PixelFile(shape, path) as file:
                for image in images:
                    file.append(image[number].transpose(2, 0, 1))
                file.finish()

    def _put_together(self, resolution: int, resolutions: Sequence[int]) -> None:
        whole = self._shape(resolution, self._num_images)
        with PixelFile(whole, self._whole(resolution)) as file:
            for rows in self._stretches(resolutions):
                piece = read_pixels(
                    self._piece(resolution, rows), self._shape(resolution, rows.stop - rows.start)
                )
                assert piece is not None, "a piece that was sound is gone"
                file.append(piece)
            file.finish()
        for left in self._folder.glob(f"{self._name}-{resolution}.*.piece"):
            left.unlink(missing_ok=True)

"""Draws batches of `shapes` images from random numbers.

Elementwise float32 arithmetic only (`shape_templates` says why).
Shape suffixes: B images, H rows, W columns, C colours.
"""

from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from nas.data.shape_templates import CLUTTER, EXTENT, TABLE_SIDE, distance_tables
from search_spaces.base import IntArray

Plane = NDArray[np.float32]

NUM_CLUTTER: Final = 4
NUM_UNIFORMS: Final = 128
"""Random numbers an image may use besides its noise."""

_GRID: Final = 4
"""The ground is blended from 4 x 4 random colours."""


class _Draws:
    """Hands out columns of uniform numbers in a fixed order."""

    def __init__(self, uniforms_BN: Plane) -> None:
        self._uniforms = uniforms_BN
        self._next = 0

    def take(self, count: int) -> Plane:
        """Return the next `count` columns, 0..1; shape (B, count)."""
        assert self._next + count <= self._uniforms.shape[1]
        self._next += count
        return self._uniforms[:, self._next - count : self._next]

    def between(self, low: float, high: float) -> Plane:
        """Return one column in low..high; shape (B,)."""
        return self.take(1)[:, 0] * np.float32(high - low) + np.float32(low)


@final
class Painter:
    """Draws images of one size and difficulty.

    Difficulty moves everything together: the shape gets smaller, off centre and turned, its contrast sinks,
    ground, clutter, texture and noise grow, and a bar covers part of it.
    """

    def __init__(self, num_classes: int, size: int, difficulty: float) -> None:
        """Tabulate the shapes of `num_classes` classes for images of `size` x `size` pixels."""
        self._num_classes = num_classes
        self._size = size
        self._difficulty = difficulty
        self._tables = distance_tables(num_classes).reshape(-1)
        self._axis = ((2.0 * np.arange(size) + 1.0 - size) / size).astype(np.float32)

    def paint(self, labels_B: IntArray, uniforms_BN: Plane, noise_BN: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Draw one image for each row of random numbers.

        Args:
            labels_B: Classes; shape (B,).
            uniforms_BN: In 0..1; shape (B, NUM_UNIFORMS).
            noise_BN: Random bytes; shape (B, at least 6 * size * size).

        Returns:
            Shape (B, size, size, 3).
        """
        hard = self._difficulty
        draws = _Draws(uniforms_BN)
        ground_CB, canvas_CBHW = self._ground(draws)
        for _ in range(NUM_CLUTTER):
            kind_B = self._num_classes + (draws.take(1)[:, 0] * len(CLUTTER)).astype(np.int64)
            pose = self._pose(draws, 0.15, 0.55, reach=1.0, turn=1.0)
            alpha_B = draws.between(0.2, 1.0) * np.float32(hard)
            colour_CB = draws.take(3).T
            self._blend(canvas_CBHW, self._cover(kind_B, pose), ground_CB + (colour_CB - ground_CB) * alpha_B)
        pose = self._pose(draws, 0.80 - 0.60 * hard, 0.90 - 0.20 * hard, reach=hard, turn=0.8 * hard)
        self._blend(canvas_CBHW, self._cover(labels_B, pose), self._contrasting(draws, ground_CB))
        self._occlude(canvas_CBHW, draws, pose)
        self._texture(canvas_CBHW, draws)
        return self._with_noise(canvas_CBHW, draws.between(0.04, 0.04 + 0.9 * hard), noise_BN)

    def _ground(self, draws: _Draws) -> tuple[Plane, list[Plane]]:
        """Blend a smooth ground from a grid of colours around one; returns that colour and the planes."""
        base_CB = draws.take(3).T * np.float32(0.8) + np.float32(0.1)
        spread = np.float32(0.6 * self._difficulty)
        left, share_W = self._grid_steps()
        planes = []
        for base_B in base_CB:
            grid_BHW = (draws.take(_GRID * _GRID).reshape(-1, _GRID, _GRID) - np.float32(0.5)) * spread
            rows = grid_BHW[:, left] + (grid_BHW[:, left + 1] - grid_BHW[:, left]) * share_W[None, :, None]
            plane = rows[:, :, left] + (rows[:, :, left + 1] - rows[:, :, left]) * share_W[None, None, :]
            planes.append(plane + base_B[:, None, None])
        return base_CB, planes

    def _grid_steps(self) -> tuple[IntArray, Plane]:
        position = (self._axis + np.float32(1.0)) * np.float32(0.5 * (_GRID - 1))
        left = np.minimum(position.astype(np.int64), _GRID - 2)
        return left, position - left.astype(np.float32)

    def _pose(self, draws: _Draws, low: float, high: float, reach: float, turn: float) -> tuple[Plane, ...]:
        """Return scale, centre, cosine and sine of a placement; each of shape (B,).

        The angle 2 atan(t) needs no trigonometry: t in -1..1 turns by -90 to 90 degrees.
        """
        scale_B = draws.between(low, high)
        room_B = (np.float32(1.0) - scale_B * np.float32(0.8)) * np.float32(reach)
        cx_B, cy_B = draws.between(-1.0, 1.0) * room_B, draws.between(-1.0, 1.0) * room_B
        t_B = draws.between(-turn, turn)
        norm_B = np.float32(1.0) + t_B * t_B
        return scale_B, cx_B, cy_B, (np.float32(1.0) - t_B * t_B) / norm_B, np.float32(2.0) * t_B / norm_B

    def _cover(self, kind_B: IntArray, pose: tuple[Plane, ...]) -> Plane:
        """Return how much of each pixel a shape covers, 0..1; shape (B, H, W)."""
        scale_B, cx_B, cy_B, cos_B, sin_B = pose
        cells_B = np.float32(TABLE_SIDE / (2.0 * EXTENT)) / scale_B
        a_B, b_B = cos_B * cells_B, sin_B * cells_B
        x_BW = self._axis[None, :] - cx_B[:, None]
        y_BH = self._axis[None, :] - cy_B[:, None]
        middle = np.float32(TABLE_SIDE / 2)
        u = (x_BW * a_B[:, None] + middle)[:, None, :] + (y_BH * b_B[:, None])[:, :, None]
        v = (y_BH * a_B[:, None] + middle)[:, :, None] - (x_BW * b_B[:, None])[:, None, :]
        last = np.float32(TABLE_SIDE - 1)
        index = np.clip(v, 0.0, last, out=v).astype(np.int32)
        index *= TABLE_SIDE
        index += np.clip(u, 0.0, last, out=u).astype(np.int32)
        index += (kind_B * TABLE_SIDE**2).astype(np.int32)[:, None, None]
        distance = self._tables[index]
        distance *= (scale_B * np.float32(-self._size / 2))[:, None, None]
        distance += np.float32(0.5)
        return np.clip(distance, 0.0, 1.0, out=distance)

    def _contrasting(self, draws: _Draws, ground_CB: Plane) -> Plane:
        """Return a colour away from the ground's, on the side where there is room; shape (3, B)."""
        contrast_B = draws.between(0.75 - 0.67 * self._difficulty, 0.75)
        amount_CB = (draws.take(3).T * np.float32(0.6) + np.float32(0.4)) * contrast_B
        return np.where(ground_CB > np.float32(0.5), ground_CB - amount_CB, ground_CB + amount_CB)

    def _blend(self, canvas_CBHW: list[Plane], cover_BHW: Plane, colour_CB: Plane) -> None:
        for plane, colour_B in zip(canvas_CBHW, colour_CB, strict=True):
            step = colour_B[:, None, None] - plane
            step *= cover_BHW
            plane += step

    def _occlude(self, canvas_CBHW: list[Plane], draws: _Draws, pose: tuple[Plane, ...]) -> None:
        """Lay a bar across the shape; its width grows with difficulty from nothing."""
        scale_B, cx_B, cy_B, _, _ = pose
        _, dx_B, dy_B, cos_B, sin_B = self._pose(draws, 0.5, 0.5, reach=1.0, turn=1.0)
        centre = cx_B + dx_B * scale_B, cy_B + dy_B * scale_B
        half_B = scale_B * draws.between(0.0, 0.3 * self._difficulty)
        x_BW = (self._axis[None, :] - centre[0][:, None]) * sin_B[:, None]
        y_BH = (self._axis[None, :] - centre[1][:, None]) * cos_B[:, None]
        cover = half_B[:, None, None] - np.abs(x_BW[:, None, :] - y_BH[:, :, None])
        cover *= np.float32(self._size / 2)
        self._blend(canvas_CBHW, np.clip(cover, 0.0, 1.0, out=cover), draws.take(3).T)

    def _texture(self, canvas_CBHW: list[Plane], draws: _Draws) -> None:
        """Lay faint stripes of random width and direction over everything."""
        _, _, _, cos_B, sin_B = self._pose(draws, 0.5, 0.5, reach=0.0, turn=1.0)
        waves_B = draws.between(1.0, 5.0)
        phase = self._axis[None, :, None] * (cos_B * waves_B)[:, None, None]
        phase = phase + self._axis[None, None, :] * (sin_B * waves_B)[:, None, None]
        phase -= np.floor(phase)
        stripe = np.abs(phase - np.float32(0.5)) - np.float32(0.25)
        stripe *= (draws.between(0.0, 0.4 * self._difficulty))[:, None, None]
        for plane in canvas_CBHW:
            plane += stripe

    def _with_noise(
        self, canvas_CBHW: list[Plane], amount_B: Plane, noise_BN: NDArray[np.uint8]
    ) -> NDArray[np.uint8]:
        """Add triangular noise and round to bytes."""
        num_images, side = len(noise_BN), self._size
        noise_BKHW = noise_BN[:, : 6 * side * side].reshape(num_images, 6, side, side)
        result = np.empty((num_images, side, side, 3), dtype=np.uint8)
        for colour, plane in enumerate(canvas_CBHW):
            noise = noise_BKHW[:, 2 * colour].astype(np.float32)
            noise += noise_BKHW[:, 2 * colour + 1]
            noise -= np.float32(255.0)
            noise *= amount_B[:, None, None]
            plane *= np.float32(255.0)
            plane += noise
            plane += np.float32(0.5)
            result[..., colour] = np.clip(plane, 0.0, 255.0, out=plane).astype(np.uint8)
        return result

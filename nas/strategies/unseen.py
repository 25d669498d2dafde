"""Remembers which architectures a strategy has proposed."""

import numpy as np

from search_spaces.base import IntArray


class Unseen:
    """Lets each architecture through once."""

    def __init__(self) -> None:
        self._seen: set[bytes] = set()

    def take(self, archs: IntArray, at_most: int) -> IntArray:
        """Return the first rows that were never taken before, without duplicates, and remember them.

        Args:
            archs: Canonical architectures, shape (n, num_choices).
            at_most: How many to return; the rows after them are not remembered.
        """
        rows: list[int] = []
        for row, key in enumerate(_keys(archs)):
            if len(rows) == at_most:
                break
            if key not in self._seen:
                self._seen.add(key)
                rows.append(row)
        return archs[rows]


def _keys(archs: IntArray) -> list[bytes]:
    narrow = np.ascontiguousarray(archs, dtype=np.uint16)
    return [row.tobytes() for row in narrow]

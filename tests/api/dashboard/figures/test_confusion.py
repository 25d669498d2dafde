import re
from xml.etree import ElementTree

import numpy as np

from api.dashboard.figures.confusion import MOST_CELLS, confusion_svg
from nas.confusion import confusion

LABELS = np.array([0, 0, 0, 0, 1, 1, 1])
PREDICTED = np.array([0, 0, 0, 1, 1, 1, 1])


def test_a_cell_stands_in_its_row_and_column_and_says_what_it_is() -> None:
    names = ("a & b", "<c>", *(f"class {n}" for n in range(2, 30)))
    drawn = confusion_svg(confusion(LABELS, PREDICTED, 30), names)
    root = ElementTree.fromstring(drawn)
    cells = [one for one in root.iter("rect") if one.get("class") != "field"]
    found = {one.findtext("title"): one for one in cells}
    wrong = found["a & b taken for <c>: 1 of 4"]
    right = found["<c> taken for <c>: 3 of 3"]
    assert (wrong.get("class"), right.get("class")) == ("wrong", "right")
    # The same column; the wrong one is a row higher.
    assert wrong.get("x") == right.get("x")
    step = float(right.get("y", 0)) - float(wrong.get("y", 0))
    assert abs(step - float(right.get("height", 0))) < 0.02
    assert float(wrong.get("fill-opacity", 0)) < float(right.get("fill-opacity", 0)) == 1.0
    assert "<c>" not in drawn


def test_very_many_cells_are_left_out() -> None:
    random = np.random.default_rng(0)
    labels, predicted = random.integers(0, 1_000, (2, 20_000))
    drawn = confusion_svg(confusion(labels, predicted, 1_000), [f"class {n}" for n in range(1_000)])
    assert len(re.findall("<title>", drawn)) == MOST_CELLS
    assert "class 3</text>" not in drawn

from typing import Any

import pytest

from nas.training_options import TrainingOptions
from search_spaces.errors import UsageError


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"batch_size": -1},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"momentum": 1.0},
        {"label_smoothing": -0.1},
        {"warmup_share": 1.5},
    ],
)
def test_options_nobody_can_train_with_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))) as caught:
        TrainingOptions(**{"epochs": 1, **wrong})
    assert caught.value.code == "invalid_training_option"

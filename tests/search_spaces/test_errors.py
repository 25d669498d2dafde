"""Errors keep code and message wherever they go."""

import copy
import pickle

import pytest

from search_spaces import errors
from search_spaces.errors import HwnasError, UsageError

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, HwnasError)]


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_crosses_a_process_unchanged(kind: type[HwnasError]) -> None:
    error = kind("empty_class", "class 'cat' has no images: add images or remove the folder")
    for found in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(found) is kind
        assert (found.code, found.message) == (error.code, error.message)
        assert str(found) == error.message


def test_one_root_catches_them_all() -> None:
    assert {kind.__name__ for kind in KINDS} == {
        "HwnasError", "UsageError", "DataError", "InfeasibleError", "TrainingError", "ArtifactError",
        "MeasurementError", "StoreError", "ResourceError", "ComputeError",
    }  # fmt: skip
    with pytest.raises(HwnasError, match="not here"):
        raise UsageError("unknown_space", "not here")

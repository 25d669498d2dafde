"""What is told of jobs are values."""

import dataclasses

import pytest

from nas.job_records import JobRequest
from nas.jobs import JobKind


def test_a_request_is_a_value() -> None:
    request = JobRequest(JobKind.SEARCH, {"seed": 1})
    assert request == JobRequest(JobKind.SEARCH, {"seed": 1})
    with pytest.raises(dataclasses.FrozenInstanceError):
        request.name = "other"  # type: ignore[misc]

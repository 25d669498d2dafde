from typing import Any

import pytest

from api.problems import of_error, status_of
from api.security import AccessError
from search_spaces.errors import (
    ArtifactError,
    ComputeError,
    DataError,
    HwnasError,
    InfeasibleError,
    MeasurementError,
    ResourceError,
    StoreError,
    TrainingError,
    UsageError,
)
from tests.api.served import DIGITS, Caller, code


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UsageError("unknown_job", ""), 404),
        (UsageError("invalid_spec", ""), 422),
        (UsageError("invalid_cursor", ""), 400),
        (UsageError("search_not_finished", ""), 409),
        (AccessError("not_authenticated", ""), 401),
        (AccessError("not_allowed", ""), 403),
        (DataError("too_few_images", ""), 422),
        (InfeasibleError("infeasible_limits", ""), 422),
        (MeasurementError("not_profiled", ""), 409),
        (TrainingError("loss_not_finite", ""), 409),
        (ArtifactError("damaged_file", ""), 500),
        (StoreError("database_unreachable", ""), 503),
        (ResourceError("disk_full", ""), 507),
        (ComputeError("node_lost", ""), 503),
    ],
)
def test_each_error_has_its_status(error: HwnasError, status: int) -> None:
    assert status_of(error) == status


def test_what_is_wrong_with_the_server_is_not_told_to_clients() -> None:
    answer = of_error(StoreError("database_unreachable", "postgresql://secret.example/db does not answer"))
    assert b"secret" not in bytes(answer.body)
    assert answer.headers["retry-after"] == "2"


def test_every_refusal_is_a_problem_document(api: Caller) -> None:
    assert code(api.get("/nowhere")) == (404, "not_found")
    assert code(api.client.delete("/v1/searches", headers=api.headers({}))) == (405, "method_not_allowed")
    assert code(api.get("/v1/searches?limit=0")) == (422, "invalid_request")
    assert code(api.get("/v1/searches/none")) == (404, "unknown_job")


def test_our_own_mistake_names_nothing_of_it(api: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("a secret path")

    monkeypatch.setattr(api.stores.datasets, "page", fail)
    answer = api.get("/v1/datasets")
    assert code(answer) == (500, "internal_error")
    assert "secret" not in answer.text


PLANTED = "<script>alert(1)</script>planted"


@pytest.mark.parametrize(
    "body",
    [
        {PLANTED: 1},
        {"planted" * 10: 1},
        {"seed": PLANTED},
        {"dataset": {"name": PLANTED}},
        {"dataset": {"name": "digits", PLANTED: 1}},
        {"search": {"strategy": PLANTED}},
        {"targets": [{"limits": {PLANTED: 1}}]},
        {"targets": [{"context": {"runtime": PLANTED}}]},
        {"targets": [{"device": PLANTED}]},
    ],
)
def test_what_is_not_valid_is_not_repeated(api: Caller, body: dict[str, Any]) -> None:
    answer = api.post("/v1/searches", {**DIGITS, **body})
    assert answer.status_code == 422
    assert "planted" not in answer.text


def test_a_misspelled_field_and_what_is_taken_are_named(api: Caller) -> None:
    answer = api.post("/v1/searches", {"dataset": {"name": "digit"}, "evalutions": 5})
    assert code(answer) == (422, "invalid_request")
    told = {one["where"]: one["problem"] for one in answer.json()["problems"]}
    assert "body.evalutions" in told
    assert told["body.dataset"].startswith("'name' has to be one of 'digits'")

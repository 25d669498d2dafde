import pytest

from api import remembered
from api.answers import Kept
from api.remembered import Remembered
from tests.api.served import DIGITS, Caller, code

NAME = ("local", "digits-1", "/v1/searches")


def test_an_open_job_is_told_again_for_a_moment_and_a_settled_one_for_good(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known, answer = Remembered(), Kept(b"{}")
    monkeypatch.setattr(remembered, "OPEN_S", -1.0)
    known.keep(NAME, answer, ended=False)
    assert known.get(NAME) is None
    known.keep(NAME, answer, ended=True)
    assert known.get(NAME) is answer
    assert known.get(("other", *NAME[1:])) is None


def test_answers_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "MOST", 2)
    known = Remembered()
    for number in range(3):
        known.keep(("local", str(number), ""), Kept(b"{}"), ended=True)
    assert [known.get(("local", str(number), "")) is not None for number in range(3)] == [False, True, True]


def test_whoever_cancels_sees_it_at_once(api: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "OPEN_S", 60.0)
    path = api.post("/v1/searches", DIGITS).headers["location"]
    assert api.get(path).json()["state"] == "queued"
    api.post(f"{path}/cancel")
    assert api.get(path).json()["state"] == "cancelled"
    assert "retry-after" not in api.get(path).headers


def test_what_is_remembered_of_a_tenant_is_told_to_no_other(api: Caller) -> None:
    path = api.post("/v1/searches", DIGITS).headers["location"]
    assert api.get(path).status_code == 200
    assert code(api.as_("admin", tenant="other").get(path)) == (404, "unknown_job")


def test_a_job_of_another_kind_is_no_search_though_it_is_remembered(api: Caller) -> None:
    sent = {"space": {"name": "nas_bench_201", "preset": "tiny"}}
    job = api.post("/v1/devices/host/profiles", sent).json()["id"]
    assert api.get(f"/v1/jobs/{job}").status_code == 200
    assert code(api.get(f"/v1/searches/{job}")) == (404, "unknown_job")

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.api.served import Caller, code, new_key
from tests.nas.data.zips import arrays_zip, folder_zip, zipped
from tests.nas.pipeline.small_search import Home

ZIP = "application/zip"


def judged(folder: Path, api: Caller, content: bytes) -> dict[str, Any]:
    """What is told of an upload once a worker has looked at it."""
    answer = api.send("/v1/datasets?name=pets", content, ZIP)
    assert answer.status_code == 202, answer.text
    home = Home(folder / "home")
    home.finish(home.stores.jobs.get("local", answer.json()["job"]))
    home.close()
    found: dict[str, Any] = api.get(answer.headers["location"]).json()
    return found


def test_data_sets_are_shown_without_their_places(api: Caller) -> None:
    api.stores.datasets.add("local", "mine", {"name": "arrays", "path": "/somewhere/mine.npz"})
    (shown,) = api.get("/v1/datasets").json()["items"]
    assert (shown["name"], shown["state"], shown["spec"]) == ("mine", "checking", {"name": "arrays"})
    assert api.get("/v1/datasets/mine").json() == shown
    assert code(api.get("/v1/datasets/none")) == (404, "unknown_dataset")


def test_data_sets_come_in_pages_by_name(api: Caller) -> None:
    names = ["a", "b b", "c", "é" * 100, "ü" * 100]
    for name in names[::-1]:
        api.stores.datasets.add("local", name, {"name": "digits"})
    seen, more = [], ""
    while more is not None:
        page = api.get(f"/v1/datasets?limit=2{more}").json()
        seen += [one["name"] for one in page["items"]]
        more = page["next_cursor"] and f"&cursor={page['next_cursor']}"
    assert seen == names
    assert code(api.get("/v1/datasets?cursor=a")) == (400, "invalid_cursor")
    assert code(api.get("/v1/datasets?limit=0")) == (422, "invalid_request")


def test_an_upload_is_checked_and_searched_on(api: Caller, tmp_path: Path) -> None:
    content = folder_zip()
    taken = api.send("/v1/datasets?name=pets", content, ZIP).json()
    assert (taken["state"], taken["spec"]["content"]) == ("checking", "images")
    assert taken["spec"]["file"] == hashlib.sha256(content).hexdigest()
    assert api.get(taken["links"]["job"]).json()["kind"] == "dataset"
    stored = {"dataset": {"name": "stored", "id": "pets"}}
    assert code(api.post("/v1/searches", stored)) == (409, "dataset_not_ready")
    shown = judged(tmp_path, api, content)
    assert (shown["id"], shown["state"]) == (taken["id"], "ready")
    assert shown["report"]["class_names"] == ["cat", "dog"]
    assert api.post("/v1/searches/preview", stored).json()["num_confirm_images"] >= 1
    search = api.get(api.post("/v1/searches", stored).headers["location"]).json()
    assert (search["name"], search["spec"]["dataset"]["file"]) == ("pets", taken["spec"]["file"])


def test_an_upload_is_read_by_the_rules_it_comes_with(api: Caller, tmp_path: Path) -> None:
    content = folder_zip()
    query = "name=grey&group_by=(%5Cd%2B)%5C.png&on_broken=fail&channels=1&val_share=0.2&near_duplicates=off"
    answer = api.send(f"/v1/datasets?{query}", content, ZIP)
    assert answer.status_code == 202, answer.text
    rules = {"group_by": r"(\d+)\.png", "on_broken": "fail", "channels": 1, "near_duplicates": "off"}
    assert answer.json()["spec"].items() >= {**rules, "val_share": 0.2}.items()
    home = Home(tmp_path / "home")
    home.finish(home.stores.jobs.get("local", answer.json()["job"]))
    home.close()
    shown = api.get("/v1/datasets/grey").json()
    assert (shown["state"], shown["report"]["num_channels"]) == ("ready", 1)
    stored = {"dataset": {"name": "stored", "id": "grey"}}
    search = api.get(api.post("/v1/searches", stored).headers["location"]).json()
    assert search["spec"]["dataset"] == answer.json()["spec"]
    assert code(api.post("/v1/searches", {"dataset": {**stored["dataset"], "seed": 1}})) == (
        422,
        "invalid_request",
    )


@pytest.mark.parametrize(
    "rule",
    [
        "group_by=scene",
        "group_by=(a",
        "group_by=(a)%01",
        "group_by=(" + "a" * 200 + ")",
        "group_by=(a%7B99999999999999%7D)",
        "on_broken=perhaps",
        "channels=2",
        "val_share=0.5&test_share=0.5",
        "groups=folder",
        "file=" + "0" * 64,
    ],
)
def test_a_rule_that_is_none_is_refused_and_nothing_is_kept(rule: str, api: Caller) -> None:
    answer = api.send(f"/v1/datasets?name=pets&{rule}", folder_zip(1), ZIP)
    assert code(answer) == (422, "invalid_request")
    assert api.get("/v1/datasets").json()["items"] == []


def test_rules_of_folders_are_not_for_arrays(api: Caller, tmp_path: Path) -> None:
    content = arrays_zip(images=np.zeros((60, 6, 6, 3), np.uint8), labels=np.arange(60) % 3)
    assert code(api.send("/v1/datasets?name=pets&group_by=folder", content, ZIP)) == (422, "invalid_spec")
    kept = [path for path in (tmp_path / "home" / "artifacts").glob("??/*") if "." not in path.name]
    assert kept == []
    assert api.send("/v1/datasets?name=pets&val_share=0.3", content, ZIP).status_code == 202


def test_arrays_are_uploaded_alike(api: Caller, tmp_path: Path) -> None:
    images = np.zeros((60, 6, 6, 3), np.uint8)
    shown = judged(tmp_path, api, arrays_zip(images=images, labels=np.arange(60) % 3))
    assert (shown["state"], shown["spec"]["content"]) == ("ready", "arrays")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (zipped({"cat/a.png": b"none", "dog/b.png": b"none"}), "too_many_broken"),
        (arrays_zip(images=np.array([None], dtype=object)), "unsafe_pickle"),
        (zipped({"images.npy": b"none", "labels.npy": b"none"}), "missing_array"),
    ],
)
def test_what_cannot_be_decoded_is_rejected_with_the_reason(
    content: bytes, code: str, api: Caller, tmp_path: Path
) -> None:
    shown = judged(tmp_path, api, content)
    assert (shown["state"], shown["digest"], shown["report"]["code"]) == ("rejected", "", code)
    assert str(tmp_path) not in str(shown)


def test_the_same_file_under_the_same_name_is_the_same_set(api: Caller) -> None:
    packed = folder_zip()  # once: it tells when it was made
    first, second = (api.send("/v1/datasets?name=pets", packed, ZIP).json() for _ in range(2))
    assert first == second
    other = api.send("/v1/datasets?name=pets", folder_zip(3), ZIP)
    assert code(other) == (409, "dataset_exists")
    assert len(api.get("/v1/datasets").json()["items"]) == 1


@pytest.mark.parametrize(
    "name", ["", "a/b", "..%2Fb", "a%0ab", "x" * 101, "a%5Cb", "gpj%E2%80%AE.exe", "a%E2%80%8B", "%C2%85"]
)
def test_names_are_words(name: str, api: Caller) -> None:
    answer = api.send(f"/v1/datasets?name={name}", folder_zip(1), ZIP)
    assert code(answer) == (422, "invalid_request")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("application/json", (400, "malformed_json")),
        ("text/plain", (415, "not_json")),
        ("application/octet-stream", (415, "wrong_content_type")),
        ("multipart/form-data; boundary=x", (415, "not_json")),
        ("", (415, "not_json")),
    ],
)
def test_other_kinds_of_bodies_are_refused(kind: str, expected: tuple[int, str], api: Caller) -> None:
    assert code(api.send("/v1/datasets?name=pets", folder_zip(1), kind)) == expected


def test_json_is_no_upload(api: Caller) -> None:
    assert code(api.post("/v1/datasets?name=pets", {})) == (415, "wrong_content_type")


def test_whoever_may_only_read_uploads_nothing_and_others_see_nothing(api: Caller) -> None:
    headers = {"content-type": ZIP, "authorization": f"Bearer {new_key(api.stores, ['read'])}"}
    refused = api.client.post("/v1/datasets?name=pets", content=folder_zip(1), headers=headers)
    assert code(refused) == (403, "not_allowed")
    assert api.send("/v1/datasets?name=pets", folder_zip(1), ZIP).status_code == 202
    other = {"authorization": f"Bearer {new_key(api.stores, ['admin'], 'other')}"}
    assert api.client.get("/v1/datasets", headers=other).json()["items"] == []
    assert code(api.client.get("/v1/datasets/pets", headers=other)) == (404, "unknown_dataset")
    assert [one.action for one in api.stores.audit.last("local")].count("dataset.submit") == 1

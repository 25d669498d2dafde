"""Data sets are registered under a name and shown with what a worker found in them."""

from pathlib import Path

import numpy as np
import pytest

from api.datasets import add_dataset, list_datasets, show_dataset
from nas.pipeline.runner import open_search
from nas.settings import Settings
from nas.specs import parse_spec
from nas.store.registered import with_registered
from nas.store.stores import opened_stores
from search_spaces.errors import DataError, UsageError
from tests.api.test_searches import drawn
from tests.nas.data.zips import arrays_zip, folder_zip, image, zipped
from tests.nas.pipeline.small_search import Home


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "spec.yaml"
    path.write_text("dataset: {name: digits}")
    return path


def test_without_data_sets_nothing_is_missing(settings: Settings) -> None:
    assert "from its specification" in drawn(list_datasets(settings))


def test_a_registered_data_set_is_to_be_checked(settings: Settings, spec: Path) -> None:
    added = add_dataset(settings, "mine", spec)
    assert (added.name, added.state, added.digest) == ("mine", "checking", "")
    assert "a worker looks at it: hwnas worker" in drawn(added)
    assert show_dataset(settings, "mine") == added
    assert list_datasets(settings).datasets == (added,)


def test_what_the_worker_found_is_shown(settings: Settings, spec: Path) -> None:
    add_dataset(settings, "mine", spec)
    with opened_stores(settings) as stores:
        (claim,) = stores.queue.claim("w")
        found = stores.datasets.get("local", "mine")
        stores.datasets.judge(claim.lease, found.id, "rejected", {"code": "no_images", "message": "none"})
    shown = show_dataset(settings, "mine")
    assert (shown.state, shown.report["code"]) == ("rejected", "no_images")
    assert "no_images" in drawn(shown)
    assert "rejected" in drawn(list_datasets(settings))


def test_a_name_is_taken_once(settings: Settings, spec: Path, tmp_path: Path) -> None:
    add_dataset(settings, "mine", spec)
    other = tmp_path / "other.yaml"
    other.write_text("dataset: {name: shapes}")
    with pytest.raises(UsageError) as caught:
        add_dataset(settings, "mine", other)
    assert caught.value.code == "dataset_exists"


@pytest.mark.parametrize("name", ["", "a/b", "a\\b", "a\n", "x" * 101, "gpj\u202e.exe", "\u200b", "a\x85"])
def test_a_name_is_all_seen_and_no_path(settings: Settings, spec: Path, name: str) -> None:
    with pytest.raises(UsageError) as caught:
        add_dataset(settings, name, spec)
    assert caught.value.code == "invalid_dataset_name"


@pytest.mark.parametrize(
    ("text", "code"), [(None, "no_such_file"), ("dataset: {name: mnist}", "invalid_spec")]
)
def test_a_wrong_specification_is_refused(
    settings: Settings, tmp_path: Path, text: str | None, code: str
) -> None:
    path = tmp_path / "wrong.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UsageError) as caught:
        add_dataset(settings, "mine", path)
    assert caught.value.code == code
    assert list_datasets(settings).datasets == ()


def test_packed_images_are_kept_and_a_search_names_them(settings: Settings, tmp_path: Path) -> None:
    packed = tmp_path / "pets.zip"
    packed.write_bytes(folder_zip())
    added = add_dataset(settings, "pets", packed)
    packed.unlink()
    home = Home(settings.home)
    home.finish(home.stores.jobs.page("local").jobs[0])
    assert show_dataset(settings, "pets").state == "ready"
    document = {"dataset": {"name": "stored", "id": "pets"}}
    spec, found = with_registered(home.stores, "local", document)
    context = open_search(parse_spec(spec), home.around())
    assert (found is not None, context.dataset.class_names) == (True, ("cat", "dog"))
    assert show_dataset(settings, "pets").digest == context.dataset.digest != added.digest
    home.close()


def test_bursts_of_packed_images_stay_together_where_that_is_said(settings: Settings, tmp_path: Path) -> None:
    """Frames of a scene are the same image: where they are torn apart, the report says so."""
    packed = tmp_path / "birds.zip"
    scenes = [(one, scene) for one in ("cat", "dog") for scene in range(20)]
    packed.write_bytes(
        zipped(
            {
                f"{one}/s{n}_{shot}.png": image(n + 50 * (one == "dog"), 16)
                for one, n in scenes
                for shot in "abc"
            }
        )
    )
    add_dataset(settings, "torn", packed)
    added = add_dataset(settings, "birds", packed, ["group_by=([^/]+/s\\d+)_", "channels=3", "seed = 7"])
    assert [added.spec[name] for name in ("group_by", "channels", "seed")] == [r"([^/]+/s\d+)_", 3, 7]
    home = Home(settings.home)
    for job in home.stores.jobs.page("local").jobs[::-1]:
        home.finish(job)
    home.close()
    warned = {
        name: [one["code"] for one in show_dataset(settings, name).report["warnings"]]
        for name in ("torn", "birds")
    }
    assert "near_duplicates" in warned["torn"]
    assert warned["birds"] == []
    assert add_dataset(settings, "torn", packed).id == show_dataset(settings, "torn").id
    with pytest.raises(UsageError) as caught:
        add_dataset(settings, "torn", packed, ["group_by=folder"])
    assert caught.value.code == "dataset_exists"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("groups=folder", "groups: Extra inputs"),
        ("group_by", "group_by: "),
        ("group_by=scene", "one pair of brackets"),
        ("on_broken=perhaps", "on_broken: "),
        ("file=" + "0" * 64, "file: Extra inputs"),
        ("val_share=0.9", "val_share: "),
    ],
)
def test_a_rule_that_is_none_is_refused_before_anything_is_kept(
    given: str, told: str, settings: Settings, tmp_path: Path
) -> None:
    packed = tmp_path / "pets.zip"
    packed.write_bytes(folder_zip())
    with pytest.raises(UsageError) as caught:
        add_dataset(settings, "pets", packed, [given])
    assert caught.value.code == "invalid_spec"
    assert told in caught.value.message
    assert list_datasets(settings).datasets == ()


def test_rules_are_for_what_is_packed_and_has_folders(settings: Settings, spec: Path, tmp_path: Path) -> None:
    packed = tmp_path / "numbers.npz"
    packed.write_bytes(arrays_zip(images=np.zeros((40, 6, 6), np.uint8), labels=np.arange(40) % 4))
    for source in (spec, packed):
        with pytest.raises(UsageError) as caught:
            add_dataset(settings, "mine", source, ["group_by=folder"])
        assert caught.value.code == "invalid_spec"
    with pytest.raises(UsageError) as caught:
        add_dataset(settings, "mine", tmp_path / "nmubers.zip", ["group_by=folder"])
    assert caught.value.code == "no_such_file"
    assert add_dataset(settings, "mine", packed, ["val_share=0.3"]).spec["val_share"] == 0.3


def test_a_packed_file_that_is_none_is_refused(settings: Settings, tmp_path: Path) -> None:
    packed = tmp_path / "pets.zip"
    packed.write_bytes(b"nothing")
    with pytest.raises(DataError) as caught:
        add_dataset(settings, "pets", packed)
    assert caught.value.code == "broken_archive"
    assert list_datasets(settings).datasets == ()

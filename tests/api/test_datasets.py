"""Data sets are registered under a name and shown with what a worker found in them."""

from pathlib import Path

import pytest

from api.datasets import add_dataset, list_datasets, show_dataset
from nas.pipeline.runner import open_search
from nas.settings import Settings
from nas.specs import parse_spec
from nas.store.registered import with_registered
from nas.store.stores import opened_stores
from search_spaces.errors import DataError, UsageError
from tests.api.test_searches import drawn
from tests.nas.data.zips import folder_zip
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


def test_a_packed_file_that_is_none_is_refused(settings: Settings, tmp_path: Path) -> None:
    packed = tmp_path / "pets.zip"
    packed.write_bytes(b"nothing")
    with pytest.raises(DataError) as caught:
        add_dataset(settings, "pets", packed)
    assert caught.value.code == "broken_archive"
    assert list_datasets(settings).datasets == ()

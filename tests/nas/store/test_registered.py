"""A specification may name what is registered."""

from pathlib import Path
from typing import Any

import pytest

from nas.settings import Settings
from nas.store.registered import names_registered, with_registered
from nas.store.stores import opened_stores
from search_spaces.errors import UsageError

STORED = {"dataset": {"name": "stored", "id": "mine"}, "seed": 3}


def test_the_registered_data_set_stands_in_its_place(tmp_path: Path) -> None:
    with opened_stores(Settings(home=tmp_path)) as stores:
        added = stores.datasets.add("local", "mine", {"name": "digits"})
        with pytest.raises(UsageError) as caught:
            with_registered(stores, "local", STORED)
        assert caught.value.code == "dataset_not_ready"
        (claim,) = stores.queue.claim("tests")
        stores.datasets.judge(claim.lease, added.id, "ready", {}, "d" * 64)
        document, found = with_registered(stores, "local", STORED)
        assert document == {"dataset": {"name": "digits"}, "seed": 3}
        assert found is not None
        assert found.id == added.id
        with pytest.raises(UsageError) as caught:
            with_registered(stores, "other", STORED)
        assert caught.value.code == "unknown_dataset"


@pytest.mark.parametrize(
    "document", [{}, {"dataset": {"name": "digits"}}, {"dataset": "stored"}, {"dataset": 3}]
)
def test_others_stay_as_they_are(document: dict[str, Any], tmp_path: Path) -> None:
    assert not names_registered(document)
    with opened_stores(Settings(home=tmp_path)) as stores:
        assert with_registered(stores, "local", document) == (document, None)


@pytest.mark.parametrize(
    "more", [{}, {"id": 3}, {"id": "mine", "path": "x"}, {"id": "mine", "group_by": "x"}]
)
def test_what_names_nothing_is_refused(more: dict[str, Any], tmp_path: Path) -> None:
    with opened_stores(Settings(home=tmp_path)) as stores, pytest.raises(UsageError) as caught:
        with_registered(stores, "local", {"dataset": {"name": "stored", **more}})
    assert caught.value.code == "invalid_spec"
    assert "hwnas datasets add NAME FILE --set group_by=" in caught.value.message

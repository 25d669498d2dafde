"""The plan of a file."""

import io
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from nas.settings import Settings
from nas.store.stores import opened_stores
from search_spaces.errors import UsageError
from tests.nas.pipeline.small_search import DOCUMENT
from workers.plans import plan_file


def test_a_plan_queues_trains_and_measures_nothing(searched_home: Path, tmp_path: Path) -> None:
    settings, path = Settings(home=searched_home), tmp_path / "spec.yaml"
    path.write_text(yaml.safe_dump({**DOCUMENT, "seed": 5}))

    def left() -> tuple[int, int]:
        with opened_stores(settings) as stores:
            return len(stores.jobs.page("local").jobs), len(stores.supernets.list_all("local"))

    before = left()
    plan = plan_file(path, settings)
    assert left() == before
    assert plan.num_layers_missing == 0
    assert plan.epochs == 2
    assert {phase.name for phase in plan.phases} >= {"profile", "train", "verify"}
    console = Console(width=100, file=io.StringIO())
    console.print(plan)
    assert "2 epochs" in console.file.getvalue()  # type: ignore[attr-defined]


def test_a_plan_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        plan_file(tmp_path / "none.yaml", Settings(home=tmp_path / "home"))
    assert caught.value.code == "no_such_file"
    assert not (tmp_path / "home").exists()


def test_a_device_that_nobody_has_registered_is_refused_as_by_the_search(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(yaml.safe_dump({**DOCUMENT, "targets": [{"device": "pi5"}]}))
    with pytest.raises(UsageError) as caught:
        plan_file(path, Settings(home=tmp_path / "home"))
    assert caught.value.code == "unknown_device"

"""Past searches are read from their folders as they are: finished, unfinished or damaged."""

import io
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from api.searches import list_searches, show_front, show_search
from nas.settings import Settings
from nas.specs import parse_spec
from nas.store.run_folder import start_run
from search_spaces.errors import ArtifactError, UsageError
from tests.api.handmade import FRONT, SPEC, STOCK, finished_search, network, result, target


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def drawn(document: RenderableType) -> str:
    """What people see."""
    console = Console(width=160, file=io.StringIO(), record=True)
    console.print(document, crop=False)
    return console.export_text()


def test_an_empty_home_tells_how_to_begin(settings: Settings) -> None:
    found = list_searches(settings)
    assert found.searches == ()
    assert "hwnas demo" in drawn(found)


def test_a_finished_search_shows_its_front(settings: Settings) -> None:
    run = finished_search(settings.home)
    (line,) = list_searches(settings).searches
    assert (line.id, line.state, line.num_points) == (run.id, "finished", 3)
    assert (line.best_accuracy, line.fastest_ms) == (0.99, 0.10)
    assert "3 networks, from 0.1 ms, up to 99.0 %" in drawn(list_searches(settings))


def test_an_unfinished_search_shows_how_far_it_is(settings: Settings) -> None:
    run = start_run(settings.searches, SPEC)
    run.save("profile", SPEC)
    run.save("train", SPEC)
    (line,) = list_searches(settings).searches
    assert (line.state, line.phases_done) == ("unfinished", ("profile", "train"))
    shown = show_search(settings, run.id)
    assert shown.result is None
    assert "phases finished: profile, train" in drawn(shown)


def test_a_damaged_search_is_listed_and_does_not_hide_the_others(settings: Settings) -> None:
    damaged = finished_search(settings.home)
    whole = finished_search(settings.home, seed=1)
    (damaged.path / "result.json").write_text("{")
    states = {line.id: line.state for line in list_searches(settings).searches}
    assert states == {damaged.id: "damaged", whole.id: "finished"}
    with pytest.raises(ArtifactError, match=r"result\.json cannot be read"):
        show_search(settings, damaged.id)


def test_the_details_name_report_deliveries_and_times(settings: Settings) -> None:
    run = finished_search(settings.home)
    assert show_search(settings, "latest").report is None
    (run.path / "report.html").write_text("<html>")
    text = drawn(show_search(settings, "latest"))
    assert str(run.path / "report.html") in text
    assert "exports/net-ccc333" in text
    assert "1 min 40 s" in text


def test_the_front_holds_the_published_points_only(settings: Settings) -> None:
    finished_search(settings.home)
    front = show_front(settings, "latest", 1)
    assert front.networks == FRONT
    assert front.references == (STOCK,)
    text = drawn(front)
    assert [one.name for one in FRONT if one.name not in text] == []
    assert "net-ddd444" not in text


def test_targets_are_counted_from_one(settings: Settings) -> None:
    second = network("net-fff666", 0.9, 0.2)
    finished_search(settings.home, target(*FRONT), target(second))
    assert show_front(settings, "latest", 2).networks == (second,)
    for number in (0, 3):
        with pytest.raises(UsageError, match="its targets are 1 to 2"):
            show_front(settings, "latest", number)


def test_the_front_of_an_unfinished_search_is_not_there(settings: Settings) -> None:
    start_run(settings.searches, SPEC)
    with pytest.raises(UsageError) as caught:
        show_front(settings, "latest", 1)
    assert caught.value.code == "search_not_finished"


def test_a_search_goes_by_the_start_of_its_name(settings: Settings) -> None:
    first = finished_search(settings.home)
    other = parse_spec({"dataset": {"name": "shapes"}})
    run = start_run(settings.searches, other)
    run.save_result(result(run.id, spec=other))
    assert show_search(settings, "dig").id == first.id
    assert show_search(settings, "shapes-").id == run.id

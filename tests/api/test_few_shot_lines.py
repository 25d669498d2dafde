"""Models of few whole networks are listed with what they are for and how good they are."""

from dataclasses import replace
from pathlib import Path

import pytest

from api.devices import list_tables
from api.few_shot_lines import few_shot_lines, of_device
from latency_predictors.device import host_device
from nas.pipeline.sites import Site
from nas.report.few_shot_words import few_shot_sentence
from nas.settings import Settings
from nas.store.stores import opened_stores
from search_spaces.base import space_digest
from tests.api.few_shot_models import THIS_MACHINE, few_shot_model, registered_board, saved_few_shot
from tests.api.handmade import SPACE, lookup_table, saved_table
from tests.drawing import drawn


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def test_a_line_says_what_a_model_is_for(settings: Settings) -> None:
    board = registered_board(settings.home)
    here, there = saved_few_shot(settings.home), saved_few_shot(settings.home, board, few_shot_model(1.0))
    with opened_stores(settings) as stores:
        lines = few_shot_lines(stores, settings.tenant)
        assert few_shot_lines(stores, "other") == ()
    assert [(one.name, one.label, one.context) for one in lines] == [
        ("host", host_device().label, THIS_MACHINE.context.label),
        ("pi5", board.device.label, board.context.label),
    ]
    assert [one.report for one in lines] == [here.report, there.report]
    assert {(one.space, one.num_classes, one.in_channels) for one in lines} == {("mobilenet_v3/tiny", 10, 1)}
    assert {one.space_digest for one in lines} == {space_digest(SPACE)}
    assert of_device(lines, board.device.digest) == lines[1:]


def test_a_model_of_hardware_that_is_gone_is_shown_by_its_digest_and_facts(settings: Settings) -> None:
    gone = Site(replace(host_device(), cpu_model="Another CPU"), THIS_MACHINE.context)
    saved_few_shot(settings.home, gone)
    with opened_stores(settings) as stores:
        (line,) = few_shot_lines(stores, settings.tenant)
    assert (line.name, line.label) == ("", gone.device.label)
    assert f"few-shot  {gone.device.digest[:12]} · " in drawn(list_tables(settings))


@pytest.mark.parametrize("with_table", [False, True])
def test_models_are_listed_below_boards_and_tables(settings: Settings, with_table: bool) -> None:
    if with_table:
        saved_table(settings.home, lookup_table())
    board = registered_board(settings.home)
    assert list_tables(settings).few_shot == ()
    assert "few-shot" not in drawn(list_tables(settings))
    model = saved_few_shot(settings.home, board)
    found = list_tables(settings)
    assert [(one.name, one.report) for one in found.few_shot] == [("pi5", model.report)]
    text = drawn(found)
    what = f"few-shot  pi5 · {board.context.label} · mobilenet_v3/tiny, 10 classes, channels 1"
    assert f"{what}\n          {few_shot_sentence(model.report)}" in text
    assert "20 whole networks were measured" in text
    assert ("No table yet" in text) is not with_table
    assert "Nothing measured yet" not in text

"""A device is shown with its models of few whole networks, whether it has a table or not."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from api.shown_devices import ShownBoard, ShownModels, ShownTable, show_device
from hwnas import run
from latency_predictors.device import host_device
from nas.pipeline.sites import Site
from nas.report.few_shot_words import few_shot_sentence
from nas.settings import Settings
from search_spaces.errors import UsageError
from tests.api.few_shot_models import THIS_MACHINE, few_shot_model, registered_board, saved_few_shot
from tests.api.handmade import lookup_table, saved_table
from tests.drawing import drawn


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def test_a_board_is_shown_with_its_models_and_no_others(settings: Settings) -> None:
    board = registered_board(settings.home)
    saved_few_shot(settings.home)
    empty = show_device(settings, "pi5")
    assert isinstance(empty, ShownBoard)
    assert empty.few_shot == ()
    assert "few-shot" not in drawn(empty)
    model = saved_few_shot(settings.home, board, few_shot_model(1.0, num_networks=14))
    shown = show_device(settings, "pi5")
    assert isinstance(shown, ShownBoard)
    assert (shown.name, [one.report for one in shown.few_shot]) == ("pi5", [model.report])
    text = drawn(shown)
    assert "pi5: idle" in text
    assert f"few-shot  {board.context.label} · mobilenet_v3/tiny, 10 classes, channels 1" in text
    assert few_shot_sentence(model.report) in text
    assert "14 whole networks were measured" in text


def test_a_table_is_shown_with_the_models_of_its_device(settings: Settings) -> None:
    saved_table(settings.home, lookup_table())
    int8 = Site(host_device(), replace(THIS_MACHINE.context, precision="int8"))
    model = saved_few_shot(settings.home, int8)
    saved_few_shot(settings.home, registered_board(settings.home))
    shown = show_device(settings, None)
    assert isinstance(shown, ShownTable)
    assert [(one.context, one.report) for one in shown.few_shot] == [(int8.context.label, model.report)]
    text = drawn(shown)
    assert "142 measured" in text
    assert f"few-shot  {int8.context.label} · mobilenet_v3/tiny" in text


def test_this_machine_is_shown_with_its_models_where_it_has_no_table(settings: Settings) -> None:
    saved_few_shot(settings.home, registered_board(settings.home))
    with pytest.raises(UsageError) as caught:
        show_device(settings, None)
    assert caught.value.code == "no_table"
    model = saved_few_shot(settings.home)
    shown = show_device(settings, None)
    assert isinstance(shown, ShownModels)
    assert [one.report for one in shown.few_shot] == [model.report]
    assert "no table: `hwnas devices profile` measures one" in drawn(shown)
    with pytest.raises(UsageError, match="no table 'pi6'"):
        show_device(settings, "pi6")


def test_the_command_line_shows_models(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HWNAS_HOME", str(settings.home))
    saved_few_shot(settings.home, registered_board(settings.home))
    for words in (["devices", "list"], ["devices", "show", "pi5"]):
        assert run(words) == 0
        assert "20 whole networks were measured" in capsys.readouterr().out
        assert run([*words, "--json"]) == 0
        (line,) = json.loads(capsys.readouterr().out)["few_shot"]
        assert (line["name"], line["space"], line["report"]["num_networks"]) == (
            "pi5",
            "mobilenet_v3/tiny",
            20,
        )

"""Predictions are made with what is known of the device that is asked about, and of no other."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from api.predictions import Wish, predict_costs
from hwnas import run
from nas.pipeline.sites import Site
from nas.settings import Settings
from nas.specs import ContextSpec, LatencySpec
from nas.store.stores import opened_stores
from search_spaces.errors import HwnasError
from tests.api.few_shot_models import few_shot_model, registered_board, saved_few_shot
from tests.api.handmade import lookup_table, saved_table

ON_PI5 = Wish(preset="tiny", in_channels=1, device="pi5")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


@pytest.fixture
def board(settings: Settings) -> Site:
    """A registered board, named pi5."""
    return registered_board(settings.home)


def refused(settings: Settings, wish: Wish) -> HwnasError:
    """What is said of a wish that nothing predicts."""
    with pytest.raises(HwnasError) as caught:
        predict_costs(settings, wish)
    return caught.value


def saved_table_of(settings: Settings, site: Site) -> None:
    """Publish a table of a board, every layer of which takes 0.011 ms."""
    saved_table(
        settings.home, lookup_table().model_copy(update={"device": site.device, "context": site.context})
    )


def test_a_board_is_predicted_with_its_own_model(settings: Settings, board: Site) -> None:
    saved_few_shot(settings.home)
    model = saved_few_shot(settings.home, board, few_shot_model(ns_a_mac=1.0))
    there = predict_costs(settings, ON_PI5)
    assert (there.device, there.context) == (board.device.label, board.context.label)
    assert there.few_shot == model.report
    here = predict_costs(settings, replace(ON_PI5, device="host"))
    for mine, other in zip(there.networks, here.networks, strict=True):
        assert mine.latency_ms.kind == "fitted"
        assert mine.latency_ms.value == pytest.approx(1e-6 * mine.num_macs.value + 0.01, rel=0.2)
        assert mine.latency_ms.value > 2 * other.latency_ms.value


def test_a_table_of_a_board_comes_before_its_model(settings: Settings, board: Site) -> None:
    saved_few_shot(settings.home, board)
    saved_table_of(settings, board)
    found = predict_costs(settings, ON_PI5)
    assert (found.device, found.few_shot) == (board.device.label, None)
    assert found.networks[0].latency_ms.kind == "table"


def test_a_board_of_which_nothing_is_known_is_not_predicted_as_this_machine(
    settings: Settings, board: Site
) -> None:
    saved_table(settings.home, lookup_table())
    saved_few_shot(settings.home)
    error = refused(settings, ON_PI5)
    assert error.code == "no_profile"
    assert error.message == (
        "142 of 142 layers are not measured on device 'pi5': run `hwnas devices profile --space mobilenet_v3 "
        "--preset tiny --classes 10 --channels 1 --device pi5`"
    )


@pytest.mark.parametrize(
    "other",
    [
        {"in_channels": 3},
        {"context": ContextSpec(precision="int8")},
        {"latency": LatencySpec(statistic="p95")},
    ],
)
def test_a_model_is_for_its_space_its_context_and_plain_medians(
    settings: Settings, board: Site, other: dict[str, object]
) -> None:
    saved_few_shot(settings.home, board)
    assert predict_costs(settings, ON_PI5).few_shot is not None
    error = refused(settings, replace(ON_PI5, **other))  # type: ignore[arg-type]
    assert error.code == "no_profile"
    assert "on device 'pi5'" in error.message or error.message.startswith("device 'pi5' (")


def test_what_is_no_device_or_lacks_the_runtime_is_said(settings: Settings, board: Site) -> None:
    assert refused(settings, replace(ON_PI5, device="pi6")).code == "device_missing"
    openvino = replace(ON_PI5, context=ContextSpec(runtime="openvino"))
    assert refused(settings, openvino).code == "runtime_missing"
    both = refused(settings, replace(ON_PI5, table="3f9a1c"))
    assert (both.code, "--device pi5" in both.message) == ("conflicting_options", True)


def test_a_board_of_another_tenant_is_none(settings: Settings) -> None:
    saved_few_shot(settings.home, registered_board(settings.home, "pi5", "other"), tenant="other")
    assert refused(settings, ON_PI5).code == "device_missing"


def test_the_command_line_names_a_board(
    settings: Settings, board: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HWNAS_HOME", str(settings.home))
    words = ["predict", "--channels", "1", "--random", "2"]
    assert run([*words, "--device", "pi5"]) == 1
    assert capsys.readouterr().err.startswith(
        "error[no_profile]: 142 of 142 layers are not measured on device"
    )
    assert run([*words, "--device", "pi6"]) == 1
    assert capsys.readouterr().err.startswith("error[device_missing]: no device 'pi6' is registered")
    assert run([*words, "--device", "pi5", "--table", "3f"]) == 2
    assert capsys.readouterr().err.startswith("error[conflicting_options]: ")
    saved_few_shot(settings.home, board)
    assert run([*words, "--device", "pi5", "--json"]) == 0
    predicted = json.loads(capsys.readouterr().out)
    assert predicted["device"] == board.device.label
    assert [one["latency_ms"]["kind"] for one in predicted["networks"]] == ["fitted"] * 2
    assert run([*words, "--device", "pi5"]) == 0
    assert "20 whole networks were measured" in " ".join(capsys.readouterr().out.split())
    assert run(words) == 1, "the model of a board is none of this machine"


def test_what_a_board_has_is_its_own_whoever_else_is_alike(settings: Settings, board: Site) -> None:
    """Two boards of one kind are two devices: their units tell them apart."""
    saved_few_shot(settings.home, board)
    twin = registered_board(settings.home, "pi6")
    assert twin.device.label == board.device.label
    assert refused(settings, replace(ON_PI5, device="pi6")).code == "no_profile"
    with opened_stores(settings) as stores:
        assert len(stores.agents.list_all(settings.tenant)) == 2

"""The screen of one network."""

from pathlib import Path

from search_spaces.base import architecture_digest
from search_spaces.stock_networks import STOCK_NETWORKS
from tests.api.dashboard.browsing import browse, sound
from tests.api.dashboard.found import finished, networks
from tests.api.handmade import lookup_table, saved_table
from tests.api.routes.conftest import exported_file, written
from tests.api.served import Caller, served
from tests.nas.report import documents

FRONT = [one for one in networks() if one.status == "front"]


def test_a_network_is_told_whole(api: Caller) -> None:
    search = finished(api.stores)
    saved_table(api.app.state.service.settings.home, lookup_table())
    text = sound(browse(api, f"/searches/{search}/networks/{FRONT[1].name}"))
    assert '<svg class="network" role="img"' in text
    assert "stage1.block1" in text
    assert "together 0.0" in text
    assert FRONT[1].file_sha256 in text
    assert f"/v1/searches/{search}/networks/{FRONT[1].name}/file?target=1" in text
    assert f'The next faster: <a href="/searches/{search}/networks/{FRONT[0].name}?target=1">' in text
    assert "predicted: the sum of measured layers, corrected on whole networks" in text
    assert "Another file of it" in text
    reader = sound(browse(api.as_("read"), f"/searches/{search}/networks/{FRONT[1].name}"))
    assert "Another file of it" not in reader


def test_a_stock_network_is_drawn_from_its_own_layers(api: Caller) -> None:
    digest = architecture_digest(STOCK_NETWORKS["resnet"](24, 10, 1), ())
    stock = tuple(
        one.model_copy(update={"architecture_digest": digest}) if one.name == "resnet" else one
        for one in documents.references()
    )
    search = finished(api.stores, stock=stock)
    text = sound(browse(api, f"/searches/{search}/networks/resnet"))
    assert '<svg class="network"' in text
    assert "stock network" in text
    # The others' digests are of no network that this version knows.
    text = sound(browse(api, f"/searches/{search}/networks/mobilenet_v2"))
    assert "its layers are another version" in text
    assert '<svg class="network"' not in text


def test_a_figure_of_another_file_says_so(api: Caller) -> None:
    stock = tuple(
        one.model_copy(update={"fp32_accuracy": one.accuracy}) if one.name == "resnet" else one
        for one in documents.references()
    )
    search = finished(api.stores, stock=stock)
    assert "another file, not yet quantised" in sound(browse(api, f"/searches/{search}/networks/resnet"))
    assert "another file" not in sound(browse(api, f"/searches/{search}/networks/mobilenet_v2"))


def test_how_good_predictions_are_is_told_below_the_figures(api: Caller) -> None:
    search = finished(api.stores)
    text = sound(browse(api, f"/searches/{search}/networks/{FRONT[0].name}"))
    assert "Predicted latencies, networks left out one by one: median error 1.80 %" in text
    assert "Predicted latencies" not in sound(browse(api, f"/searches/{search}/networks/resnet"))


def test_the_card_is_that_of_the_bundle(tmp_path: Path) -> None:
    with served(tmp_path / "home") as api:
        search = written(api.stores, exported_file())
        text = sound(browse(api, f"/searches/{search}/networks/net-bbb222/card"))
        assert "library_name: onnx" in text
        assert "/bundle" in text
        delivered = sound(browse(api, f"/searches/{search}/networks/net-ccc333"))
        assert "delivered: the most accurate" in delivered


def test_unknown_networks_are_not_found(api: Caller) -> None:
    search = finished(api.stores)
    assert browse(api, f"/searches/{search}/networks/none").status_code == 404
    assert browse(api, f"/searches/{search}/networks/none/card").status_code == 404
    stranger = api.as_("read", tenant="other")
    assert browse(stranger, f"/searches/{search}/networks/{FRONT[0].name}").status_code == 404


def test_another_file_is_asked_for_and_followed(tmp_path: Path) -> None:
    with served(tmp_path / "home") as api:
        search = written(api.stores, exported_file())
        here = f"/searches/{search}/networks/net-bbb222"
        assert f'data-post="/v1/subnets/{search}.net-bbb222/exports?target=1"' in sound(browse(api, here))
        answer = api.post(f"/v1/subnets/{search}.net-bbb222/exports", {"format": "onnx", "precision": "int8"})
        assert answer.status_code == 202
        text = sound(browse(api, f"{here}?job={answer.json()['id']}"))
        assert f'data-events="/v1/jobs/{answer.json()["id"]}/events"' in text
        assert "waiting for a worker" in text
        assert "SHA-256 of this file" not in text
        assert browse(api, f"{here}?job=none").status_code == 404

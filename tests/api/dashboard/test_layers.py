from dataclasses import replace

import pytest

from api.dashboard.layers import anatomy, exact_space
from search_spaces.base import architecture_digest, architecture_from_values
from search_spaces.network import layers
from search_spaces.stock_networks import STOCK_NETWORKS
from tests.api.dashboard.found import finished, front_of
from tests.api.handmade import lookup_table, saved_table
from tests.api.served import Caller
from tests.nas.report.documents import space


def test_every_layer_has_its_measured_cost(api: Caller) -> None:
    search = finished(api.stores)
    saved_table(api.app.state.service.settings.home, lookup_table())
    front = front_of(api.stores, search)
    one = front.target.front[0]
    found = anatomy(api.stores, front, one)
    assert found is not None
    specs = layers(space(), architecture_from_values(space(), one.architecture))
    assert [row.macs for row in found.rows] == [spec.macs for spec in specs]
    assert found.sum_ms == pytest.approx(0.011 * len(specs))
    assert [row.share for row in found.rows] == pytest.approx([1 / len(specs)] * len(specs))
    assert {(row.kind, row.num_sessions) for row in found.rows} == {("measured", 2)}
    assert found.missing == ""


def test_without_a_table_layers_have_no_cost_and_a_reason(api: Caller) -> None:
    front = front_of(api.stores, finished(api.stores))
    found = anatomy(api.stores, front, front.target.front[0])
    assert found is not None
    assert found.sum_ms is None
    assert {row.median_ms for row in found.rows} == {None}
    assert "profile it" in found.missing


def test_a_layer_that_the_table_lacks_counts_for_nothing_nowhere(api: Caller) -> None:
    search = finished(api.stores)
    table = lookup_table()
    front = front_of(api.stores, search)
    whole = anatomy(api.stores, front, front.target.front[0])
    assert whole is not None
    absent = whole.nodes[1].spec.signature()
    kept = {key: one for key, one in table.entries.items() if one.signature != absent}
    saved_table(api.app.state.service.settings.home, table.model_copy(update={"entries": kept}))
    found = anatomy(api.stores, front, front.target.front[0])
    assert found is not None
    assert found.sum_ms is None
    assert found.shares == [None] * len(found.nodes)
    assert found.rows[0].median_ms == 0.011
    assert "1 of" in found.missing


def test_a_stock_network_has_layers_that_were_not_measured_alone(api: Caller) -> None:
    front = front_of(api.stores, finished(api.stores))
    saved_table(api.app.state.service.settings.home, lookup_table())
    stock = STOCK_NETWORKS["resnet"](24, 10, 1)
    resnet = next(one for one in front.references if one.name == "resnet")
    found = anatomy(
        api.stores, front, resnet.model_copy(update={"architecture_digest": architecture_digest(stock, ())})
    )
    assert found is not None
    assert [row.macs for row in found.rows] == [spec.macs for spec in layers(stock, ())]
    assert found.sum_ms is None
    assert "a stock network is measured whole" in found.missing


def test_other_versions_networks_are_not_drawn(api: Caller) -> None:
    front = front_of(api.stores, finished(api.stores))
    assert anatomy(api.stores, front, front.references[0]) is None
    unheard = front.references[0].model_copy(update={"name": "unheard_of"})
    assert anatomy(api.stores, front, unheard) is None
    other = front.target.front[0].model_copy(update={"architecture_digest": "0" * 64})
    assert anatomy(api.stores, front, other) is None
    unknown = front.target.front[0].model_copy(update={"architecture": {"gone": 1}})
    assert anatomy(api.stores, front, unknown) is None
    assert exact_space(replace(front, result=None), other) is None

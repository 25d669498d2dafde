"""The screen of a front, as it is without a script."""

import json
import re
from urllib.parse import parse_qs, urlsplit

from tests.api.dashboard.browsing import browse, elements, sound
from tests.api.dashboard.found import finished, measured_here, networks
from tests.api.dashboard.searched import failed_search, infeasible_search
from tests.api.handmade import SPEC, submitted
from tests.api.served import Caller
from tests.nas.report.documents import HOSTILE, network

REFUSED = network("net-refused", 0.01, 1.0, status="unverified")
"""Faster and more accurate than all others, on the host."""


def test_the_page_has_the_plot_the_picks_and_the_table(api: Caller) -> None:
    search = finished(api.stores)
    text = sound(browse(api, f"/searches/{search}/front"))
    front = [one for one in networks() if one.status == "front"]
    assert f"<h1>{len(front)} verified networks" in text
    assert '<svg class="static" role="img"' in text
    assert "the knee" in text
    for one in front:
        assert f'<tr data-name="{one.name}"' in text
    assert "Limit kept" in text
    assert f"/v1/searches/{search}/candidates.csv?target=1" in text
    best = max(front, key=lambda one: one.accuracy.value)
    assert f'data-picked="{best.name}"' in text
    assert best.file_sha256 in text


def test_how_good_predictions_are_is_told_below_the_pick_and_the_table(api: Caller) -> None:
    """A stock network was not predicted, and earlier results have no error report."""
    search = finished(api.stores)
    said = "Predicted latencies, networks left out one by one: median error 1.80 %"
    assert sound(browse(api, f"/searches/{search}/front")).count(said) == 2
    assert sound(browse(api, f"/searches/{search}/front?pick=resnet")).count(said) == 1
    assert said in api.get(f"/searches/{search}/front/pick").text
    table = measured_here().table.model_copy(update={"report": {}})
    earlier = finished(api.stores, measured_here().model_copy(update={"table": table}))
    assert "Predicted latencies" not in sound(browse(api, f"/searches/{earlier}/front"))


def test_the_data_for_the_script_is_valid_json_and_ends_no_element(api: Caller) -> None:
    hostile = network(HOSTILE, 0.2, 0.9, status="front")
    search = finished(api.stores, measured_here(hostile, *networks()))
    text = sound(browse(api, f"/searches/{search}/front"))
    blocks = re.findall(r'<script type="application/json">(.*?)</script>', text, re.S)
    assert HOSTILE in json.loads(blocks[0])["budget"]["name"]
    assert "<img src=x" not in text


def test_budgets_of_the_address_decide_what_is_best(api: Caller) -> None:
    search = finished(api.stores)
    front = [one for one in networks() if one.status == "front"]
    limit = front[2].latency.upper_ms
    text = sound(browse(api, f"/searches/{search}/front?latency_ms={limit}"))
    expected = max(
        (one for one in networks() if one.latency.upper_ms <= limit),
        key=lambda one: (one.accuracy.value, -one.latency.value_ms),
    )
    assert f'data-picked="{expected.name}"' in text
    assert f'value="{limit}"' in text


def test_a_network_that_its_board_refused_is_shown_as_such(api: Caller) -> None:
    search = finished(api.stores, measured_here(*networks(), REFUSED))
    text = sound(browse(api, f"/searches/{search}/front?pick={REFUSED.name}"))
    assert "not verified on its device" in text
    assert f'<tr data-name="{REFUSED.name}"' in text


def test_a_network_that_its_board_refused_is_not_the_best_within_the_budgets(api: Caller) -> None:
    search = finished(api.stores, measured_here(*networks(), REFUSED))
    best = max((one for one in networks() if one.status == "front"), key=lambda one: one.accuracy.value)
    assert f'data-picked="{best.name}"' in sound(browse(api, f"/searches/{search}/front"))


def test_budgets_that_nothing_keeps_say_what_is_nearest(api: Caller) -> None:
    search = finished(api.stores)
    text = sound(browse(api, f"/searches/{search}/front?latency_ms=0.0001"))
    least = min(networks(), key=lambda one: one.latency.upper_ms)
    assert f"no verified network keeps latency_ms &lt;= 0.0001: the nearest, {least.name}" in text


def test_a_front_without_feasible_points_names_the_limit_and_the_nearest(api: Caller) -> None:
    over = [one.model_copy(update={"status": "over_limit", "tied_with": ()}) for one in networks()]
    search = finished(api.stores, measured_here(*over, limit_ms=0.001))
    text = sound(browse(api, f"/searches/{search}/front"))
    assert "No network was published" in text
    assert "Limit not met: latency of at most 0.001 ms; the nearest verified network has" in text
    assert "Nothing is on the front." in text


def test_what_is_selected_by_options_is_in_the_table_alone(api: Caller) -> None:
    search = finished(api.stores)
    front = [one for one in networks() if one.status == "front"]
    value = front[0].architecture["resolution"]
    wanted = {one.name for one in front if one.architecture["resolution"] == value}
    assert 0 < len(wanted) < len(front)
    text = sound(browse(api, f"/searches/{search}/front?only=resolution:{value}"))
    rows = {at["data-name"]: at for tag, at in elements(text) if tag == "tr" and "data-name" in at}
    assert {one.name for one in front if "hidden" not in rows[one.name]} == wanted
    assert f"{len(wanted)} of {len(front)} networks are selected" in text
    links = [at["href"] for tag, at in elements(text) if tag == "a"]
    assert [link for link in links if "pick=" in link and "only=resolution" in link]
    (everything,) = [at["href"] for tag, at in elements(text) if at.get("id") == "select-all"]
    assert "only=" not in everything
    assert browse(api, f"/searches/{search}/front?only=resolution").status_code == 422


def test_a_pick_keeps_the_rest_of_the_address(api: Caller) -> None:
    search = finished(api.stores)
    text = sound(browse(api, f"/searches/{search}/front?y=num_params&show=none&latency_ms=5"))
    links = [dict(at) for tag, at in elements(text) if tag == "a" and "data-pick" in at]
    query = parse_qs(urlsplit(links[0]["href"]).query)
    assert query["y"] == ["num_params"]
    assert query["show"] == ["none", "none"]
    assert query["latency_ms"] == ["5.0"]
    assert query["pick"] == [links[0]["data-pick"]]


def test_another_plot_comes_alone(api: Caller) -> None:
    search = finished(api.stores)
    drawn = api.get(f"/searches/{search}/front/figures?x=num_macs&x_scale=linear").json()
    chart = drawn["front"]
    assert ">MACs" in drawn["still"]
    assert chart["layout"]["xaxis"]["title"]["text"].startswith("MACs")
    assert len(chart["budget"]["name"]) == len(networks())


def test_the_part_with_the_pick_comes_alone(api: Caller) -> None:
    search = finished(api.stores)
    name = networks()[1].name
    answer = browse(api, f"/searches/{search}/front/pick?pick={name}&more=0.1&grows=latency_ms")
    assert f'data-picked="{name}"' in answer.text
    assert "0.100 ms more buys" in answer.text
    assert "<html" not in answer.text


def test_another_search_stands_beside_and_is_taken_away(api: Caller) -> None:
    first, second = finished(api.stores), finished(api.stores)
    text = sound(browse(api, f"/searches/{first}/front"))
    assert f'<option value="{second}.1">' in text
    text = sound(browse(api, f"/searches/{first}/front?beside={second}.1"))
    assert f'<button name="without" value="{second}.1">' in text
    assert f"/compare?with={first}.1&amp;with={second}.1" in text
    text = sound(browse(api, f"/searches/{first}/front?beside={second}.1&without={second}.1"))
    assert 'name="without"' not in text


def test_what_is_not_there_is_not_found(api: Caller) -> None:
    search = finished(api.stores)
    stranger = api.as_("read", tenant="other")
    for caller, path in (
        (api, "/searches/none/front"),
        (stranger, f"/searches/{search}/front"),
        (api, f"/searches/{search}/front?target=2"),
        (api, f"/searches/{search}/front?beside=none.1"),
        (stranger, f"/searches/{search}/front/figures"),
        (stranger, f"/searches/{search}/front/pick"),
    ):
        answer = browse(caller, path)
        assert answer.status_code == 404, path
        assert "Not found" in sound(answer)
    assert browse(api, f"/searches/{search}/front?x=speed").status_code == 422
    assert browse(api, f"/searches/{search}/front?beside=x").status_code == 422


def test_a_search_without_a_front_says_when_it_has_one(api: Caller) -> None:
    job = submitted(api.stores, SPEC)
    answer = browse(api, f"/searches/{job.id}/front")
    assert answer.status_code == 409
    text = sound(answer)
    assert "it has a front once its networks are verified" in text
    assert f'href="/searches/{job.id}"' in text


def test_a_search_that_ended_without_a_front_says_why(api: Caller) -> None:
    for job, why in (
        (failed_search(api.stores), "as failed: the loss is not finite"),
        (infeasible_search(api.stores), "nearest reachable value is 1.7"),
    ):
        text = sound(browse(api, f"/searches/{job.id}/front"))
        assert why in text
        assert "once its networks are verified" not in text


def test_each_predicted_figure_says_how_it_was_obtained(api: Caller) -> None:
    text = sound(browse(api, f"/searches/{finished(api.stores)}/front"))
    chosen = text[text.index("data-picked") : text.index("SHA-256 of the file")]
    accuracy, latency = chosen.split('scope="row">')[1:3]
    assert 'kind-fitted">fitted<' in accuracy
    assert 'kind-table">table<' in latency


def test_what_is_in_doubt_is_said_above_the_front(api: Caller) -> None:
    calm = measured_here()
    assert "suspect" not in sound(browse(api, f"/searches/{finished(api.stores, calm)}/front"))
    first, *others = networks()
    restless = first.model_copy(update={"latency": first.latency.model_copy(update={"suspect": True})})
    found = measured_here(restless, *others)
    table = found.table.model_copy(update={"states": {"suspect": 41, "provisional": 101}})
    search = finished(api.stores, found.model_copy(update={"table": table}))
    text = sound(browse(api, f"/searches/{search}/front"))
    assert f"The latency of 1 of {len(found.front)} networks is suspect" in text
    assert "41 of 142 layers are suspect" in text
    again = "the same search again, when the device is idle, measures it once more"
    assert again in text
    assert again in sound(browse(api, f"/searches/{search}/networks/{first.name}")).partition("<section")[0]

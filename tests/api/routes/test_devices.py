from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from latency_predictors.device import host_device
from latency_predictors.file_size import file_bytes_of
from latency_predictors.lookup_table import layer_key
from latency_predictors.predictor import CostPredictor
from nas.pipeline.costs import arena_predictor
from nas.pipeline.sites import Site
from nas.store.result_store import DatabaseResultStore
from search_spaces.base import option_values, space_digest
from search_spaces.network import layers
from search_spaces.sampling import as_architecture, random_architectures, smallest
from tests.api.boards import Board
from tests.api.few_shot_models import THIS_MACHINE, few_shot_model, registered_board, saved_few_shot
from tests.api.handmade import SMALLEST, SPACE, lookup_table, saved_table
from tests.api.served import code, served


def test_devices_are_shown_with_what_was_measured_of_them(tmp_path: Path) -> None:
    table = lookup_table()
    saved_table(tmp_path / "home", table)
    with served(tmp_path / "home") as api:
        (device,) = api.get("/v1/devices").json()["items"]
        assert device["id"] == table.device.digest
        assert device["tables"][0]["num_layers"] == len(table.entries)
        assert api.get(f"/v1/devices/{device['id']}").json() == device
        (shown,) = api.get(f"/v1/devices/{device['id']}/tables").json()["items"]
        assert len(shown["layers"]) == len(table.entries)
        assert code(api.get("/v1/devices/none")) == (404, "unknown_device")
        assert code(api.get("/v1/devices/none/tables")) == (404, "unknown_device")


def test_boards_come_first_and_each_device_is_on_one_page(tmp_path: Path) -> None:
    tables = [lookup_table(), lookup_table("another")]
    for table in tables:
        saved_table(tmp_path / "home", table)
    with served(tmp_path / "home") as api:
        for name, tenant in (("pi6", "local"), ("pi5", "local"), ("pi4", "other")):
            Board.with_key(api, name, tenant, unit=name).register()
        seen: list[str] = []
        more = ""
        while more is not None:
            page = api.get(f"/v1/devices?limit=1{more}").json()
            seen += [one["board"]["name"] if one["board"] else one["id"] for one in page["items"]]
            more = page["next_cursor"] and f"&cursor={page['next_cursor']}"
            Board.with_key(api, f"pi3-{len(seen)}", unit=f"pi3-{len(seen)}").register()
        assert seen == ["pi5", "pi6", *sorted(table.device.digest for table in tables)]
        assert code(api.get("/v1/devices?cursor=nonsense")) == (400, "invalid_cursor")


def test_this_host_is_measured_by_a_job(tmp_path: Path) -> None:
    with served(tmp_path / "home") as api:
        sent = {"space": {"name": "nas_bench_201", "preset": "tiny"}}
        answer = api.post("/v1/devices/host/profiles", sent, idempotency_key="k")
        assert answer.status_code == 202
        job = api.get(answer.headers["location"]).json()
        assert (job["kind"], job["state"]) == ("profile", "queued")
        again = api.post("/v1/devices/host/profiles", sent, idempotency_key="k")
        assert again.json() == answer.json()
        assert code(api.post("/v1/devices/pi/profiles", sent)) == (404, "unknown_device")
        assert api.post(f"/v1/jobs/{job['id']}/cancel").json()["state"] == "cancelled"
        assert api.get(f"/v1/jobs/{job['id']}/events").json()["settled"]


def test_costs_are_predicted_from_the_table(tmp_path: Path) -> None:
    """Its correction was fitted to networks that run as long as their layers: 0.011 ms each."""
    table = lookup_table()
    saved_table(tmp_path / "home", table)
    archs = random_architectures(SPACE, 3, np.random.default_rng(0))
    named = [option_values(SPACE, as_architecture(one)) for one in archs]
    expected = CostPredictor(SPACE, table, table.corrections[space_digest(SPACE)]).predict(archs)
    with served(tmp_path / "home") as api:
        sent = {"in_channels": 1, "architectures": named}
        answer = api.post("/v1/devices/host/predictions", sent)
        assert answer.status_code == 200, answer.text
        found = answer.json()
        by_id = api.post(f"/v1/devices/{table.device.digest}/predictions", sent)
        assert by_id.json() == found
    assert found["states"] == {"suspect": len(table.entries)}
    sizes, arena = file_bytes_of(SPACE)(archs), arena_predictor(SPACE, Site.of(table))
    arenas = [None] * len(archs) if arena is None else arena(archs).tolist()
    for row, one in enumerate(found["networks"]):
        size = one["file_bytes"]
        assert (size["value"], size["upper"], size["kind"]) == (sizes.point[row], sizes.upper[row], "fitted")
        assert (one["arena_bytes"] and one["arena_bytes"]["value"]) == arenas[row]
        latency = one["latency_ms"]
        assert latency["value"] == pytest.approx(float(expected.point[row]))
        assert latency["lower"] <= latency["value"] <= latency["upper"]
        assert latency["kind"] == "table"
        num_macs = sum(spec.macs for spec in layers(SPACE, as_architecture(archs[row])))
        assert one["num_macs"]["value"] == num_macs
        assert one["coverage"] == 1.0


def test_memory_is_predicted_for_the_batch(tmp_path: Path) -> None:
    table = lookup_table()
    for batch in (1, 8):
        context = replace(table.context, batch=batch)
        saved_table(tmp_path / "home", table.model_copy(update={"context": context}))
    with served(tmp_path / "home") as api:
        one, eight = (
            api.post(
                "/v1/devices/host/predictions",
                {"in_channels": 1, "architectures": [SMALLEST], "context": {"batch": batch}},
            ).json()["networks"][0]["peak_memory_bytes"]["value"]
            for batch in (1, 8)
        )
    assert eight == 8 * one


def test_what_no_table_tells_is_said(tmp_path: Path) -> None:
    saved_table(tmp_path / "home", lookup_table())
    where = "/v1/devices/host/predictions"
    with served(tmp_path / "home") as api:
        asked = {"in_channels": 1, "architectures": [SMALLEST]}
        assert api.post(where, asked).status_code == 200
        assert code(api.post("/v1/devices/none/predictions", asked)) == (404, "unknown_device")
        for more in ({"context": {"threads": 2}}, {"latency": {"statistic": "p95"}}, {"in_channels": 3}):
            assert code(api.post(where, {**asked, **more})) == (409, "no_profile")
        tail = api.post(where, {**asked, "latency": {"statistic": "p95"}}).json()
        assert "`latency: {statistic: p95}` in its target" in tail["detail"]
        for wrong, expected in (
            ({**SMALLEST, "none": 1}, "unknown_choice"),
            ({}, "missing_choice"),
            ({**SMALLEST, "resolution": 7}, "unknown_option"),
        ):
            assert code(api.post(where, {**asked, "architectures": [wrong]})) == (422, expected)
        for sent in ([], [SMALLEST] * 301, [1]):
            assert code(api.post(where, {"architectures": sent})) == (422, "invalid_request")


def test_what_is_missing_is_fitted_where_that_is_asked_for(tmp_path: Path) -> None:
    table = lookup_table()
    lacking = layer_key(layers(SPACE, as_architecture(smallest(SPACE)[0]))[2])
    kept = {key: entry for key, entry in table.entries.items() if key != lacking}
    saved_table(tmp_path / "home", table.model_copy(update={"entries": kept}))
    with served(tmp_path / "home") as api:
        asked = {"in_channels": 1, "architectures": [SMALLEST]}
        assert code(api.post("/v1/devices/host/predictions", asked)) == (409, "no_profile")
        (one,) = api.post("/v1/devices/host/predictions", {**asked, "fill": True}).json()["networks"]
        assert one["latency_ms"]["kind"] == "fitted"
        assert one["coverage"] < 1.0


def test_a_board_without_a_table_is_predicted_with_its_model(tmp_path: Path) -> None:
    home = tmp_path / "home"
    asked = {"in_channels": 1, "architectures": [SMALLEST]}
    where = "/v1/devices/pi5/predictions"
    with served(home) as api:
        board = registered_board(home)
        assert code(api.post(where, asked)) == (409, "no_profile")
        assert code(api.post("/v1/devices/host/predictions", asked)) == (409, "no_profile")
        saved_few_shot(home, board, few_shot_model(9.0))
        model = saved_few_shot(home, board, few_shot_model(1.0))
        found = api.post(where, asked).json()
        by_id = api.post(f"/v1/devices/{board.device.digest}/predictions", asked).json()
        assert found == by_id
        assert (found["device"], found["context"]) == (board.device.label, board.context.label)
        assert found["few_shot"] == model.report.model_dump(mode="json")
        (one,) = found["networks"]
        assert one["latency_ms"]["kind"] == "fitted"
        assert one["latency_ms"]["value"] == pytest.approx(1e-6 * one["num_macs"]["value"] + 0.01, rel=0.2)
        for more in ({"context": {"threads": 2}}, {"latency": {"statistic": "p95"}}, {"in_channels": 3}):
            assert code(api.post(where, {**asked, **more})) == (409, "no_profile")
        # Nor is it one of this machine, or for another tenant, who does not know the board.
        assert code(api.post("/v1/devices/host/predictions", asked)) == (409, "no_profile")
        other = api.as_("read", tenant="other")
        assert code(other.post(where, asked)) == (404, "unknown_device")
        saved_table(
            home, lookup_table().model_copy(update={"device": board.device, "context": board.context})
        )
        assert api.post(where, asked).json()["networks"][0]["latency_ms"]["kind"] == "table"


def test_devices_have_their_models_of_few_networks(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with served(home) as api:
        board = registered_board(home)
        assert api.get("/v1/devices/pi5").json()["few_shot"] == []
        model, here = saved_few_shot(home, board), saved_few_shot(home)
        digest = lookup_table().device.digest
        first, second = api.get("/v1/devices").json()["items"]
        assert [one["report"] for one in first["few_shot"]] == [model.report.model_dump(mode="json")]
        assert (first["board"]["name"], first["few_shot"][0]["name"]) == ("pi5", "pi5")
        assert first["few_shot"][0]["context"] == board.context.label
        # This machine is a device too, though it has no table.
        assert (second["id"], second["tables"], second["few_shot"][0]["name"]) == (digest, [], "host")
        assert second["label"] == lookup_table().device.label
        assert second["few_shot"][0]["report"] == here.report.model_dump(mode="json")
        for one in (first, second):
            assert api.get(f"/v1/devices/{one['id']}").json() == one
        other = api.as_("read", tenant="other")
        assert other.get("/v1/devices").json()["items"] == []
        assert code(other.get(f"/v1/devices/{digest}")) == (404, "unknown_device")
        assert api.post("/v1/devices/pi5/release").json() == first


def test_a_model_of_hardware_that_is_gone_still_predicts(tmp_path: Path) -> None:
    home, asked = tmp_path / "home", {"in_channels": 1, "architectures": [SMALLEST]}
    gone = Site(replace(host_device(), cpu_model="Another CPU"), THIS_MACHINE.context)
    where = f"/v1/devices/{gone.device.digest}"
    model = saved_few_shot(home, gone)
    with served(home) as api:
        found = api.post(f"{where}/predictions", asked)
        assert found.status_code == 200, found.text
        assert (found.json()["device"], found.json()["context"]) == (gone.device.label, gone.context.label)
        assert found.json()["few_shot"] == model.report.model_dump(mode="json")
        assert api.get(where).json()["label"] == gone.device.label
        assert code(api.as_("read", tenant="other").post(f"{where}/predictions", asked)) == (
            404,
            "unknown_device",
        )


def test_what_is_not_known_of_hardware_that_is_gone_cannot_be_measured(tmp_path: Path) -> None:
    home, asked = tmp_path / "home", {"in_channels": 1, "architectures": [SMALLEST]}
    gone = Site(replace(host_device(), cpu_model="Another CPU"), THIS_MACHINE.context)
    saved_few_shot(home, gone)
    table = lookup_table("gone")
    lacking = layer_key(layers(SPACE, as_architecture(smallest(SPACE)[0]))[2])
    kept = {key: entry for key, entry in table.entries.items() if key != lacking}
    saved_table(home, table.model_copy(update={"entries": kept}))
    with served(home) as api:
        threads = {**asked, "context": {"threads": 2}}
        other_context = api.post(f"/v1/devices/{gone.device.digest}/predictions", threads)
        missing = api.post(f"/v1/devices/{table.device.digest}/predictions", asked)
        here = api.post("/v1/devices/host/predictions", asked)
    for answer in (other_context, missing):
        assert code(answer) == (409, "no_profile")
        assert "its hardware is gone" in answer.json()["detail"]
        assert "NAME" not in answer.json()["detail"]
    assert "ask with `fill`, which fits those; its hardware" in missing.json()["detail"]
    assert "`POST /v1/devices/NAME/profiles` has it measured" in here.json()["detail"]
    assert "gone" not in here.json()["detail"]


def test_models_are_looked_up_once_a_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, asked = tmp_path / "home", {"in_channels": 1, "architectures": [SMALLEST]}
    saved_few_shot(home)
    saved_table(home, lookup_table("tabled"))
    looked_up: list[str] = []
    plain = DatabaseResultStore.having

    def having(self: DatabaseResultStore, tenant: str, names: list[str]) -> tuple[tuple[str, str], ...]:
        looked_up.append(tenant)
        return plain(self, tenant, names)

    monkeypatch.setattr(DatabaseResultStore, "having", having)
    here, tabled = host_device().digest, lookup_table("tabled").device.digest
    with served(home) as api:
        for method, path, sent, times in (
            ("GET", "/v1/devices?limit=1", None, 1),
            ("GET", f"/v1/devices/{here}", None, 1),
            ("GET", f"/v1/devices/{here}/tables", None, 1),
            ("GET", "/v1/devices/none", None, 1),
            ("POST", f"/v1/devices/{here}/predictions", asked, 1),
            ("GET", f"/v1/devices/{tabled}/tables", None, 0),
            ("POST", f"/v1/devices/{tabled}/predictions", asked, 0),
        ):
            looked_up.clear()
            answer = api.get(path) if method == "GET" else api.post(path, sent)
            assert answer.status_code == (404 if path.endswith("none") else 200), answer.text
            assert len(looked_up) == times, path

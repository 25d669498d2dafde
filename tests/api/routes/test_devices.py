from pathlib import Path

from tests.api.handmade import lookup_table, saved_table
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

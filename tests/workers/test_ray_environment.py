from pathlib import Path

import pytest

from workers.ray_environment import NOWHERE, environment, proxies

PACKAGE = Path("/somewhere")


def test_a_local_ray_has_a_token_that_nobody_knows() -> None:
    first, second = environment({}, None, PACKAGE), environment({}, None, PACKAGE)
    assert first["RAY_AUTH_MODE"] == "token"
    assert len(first["RAY_AUTH_TOKEN"]) == 64
    assert first["RAY_AUTH_TOKEN"] != second["RAY_AUTH_TOKEN"]


def test_a_cluster_is_joined_with_the_token_of_the_operator() -> None:
    joined = environment({"RAY_AUTH_TOKEN": "theirs", "RAY_AUTH_MODE": "disabled"}, "10.0.0.1:6379", PACKAGE)
    assert joined["RAY_AUTH_TOKEN"] == "theirs"
    assert joined["RAY_AUTH_MODE"] == "token"


@pytest.mark.parametrize(
    ("address", "on_loopback"),
    [
        (None, True),
        ("127.0.0.1:6379", True),
        ("[::1]:6379", True),
        ("localhost:6379", True),
        ("10.0.0.1:6379", False),
        ("head.example:6379", False),
    ],
)
def test_ports_are_on_loopback_where_all_of_ray_is_here(address: str | None, on_loopback: bool) -> None:
    found = environment({}, address, PACKAGE)
    assert (found.get("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER") == "0") is on_loopback


def test_processes_of_a_local_ray_are_given_the_time_to_start_on_a_busy_machine() -> None:
    local, joined = environment({}, None, PACKAGE), environment({}, "10.0.0.1:6379", PACKAGE)
    assert local["RAY_worker_niceness"] == "0"
    assert float(local["RAY_worker_register_timeout_seconds"]) > 300
    assert not {name for name in joined if name.startswith("RAY_worker")}


def test_idle_processes_of_a_local_ray_end_after_a_while() -> None:
    local, joined = environment({}, None, PACKAGE), environment({}, "10.0.0.1:6379", PACKAGE)
    assert local["RAY_num_workers_soft_limit"] == "0"
    assert local["RAY_idle_worker_killing_time_threshold_ms"] == "300000"
    assert not {name for name in joined if "idle" in name or "limit" in name}


def test_nothing_is_reported_and_nothing_outside_is_reached() -> None:
    given = {"https_proxy": "http://proxy.example:3128", "NO_PROXY": "store.example"}
    found = environment(given, None, PACKAGE)
    assert found["RAY_USAGE_STATS_ENABLED"] == "0"
    assert {found[name] for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY")} == {NOWHERE}
    assert found["no_proxy"] == found["NO_PROXY"] == "127.0.0.1,localhost"
    assert proxies(given) == given


def test_every_process_has_one_thread_and_this_package() -> None:
    found = environment({"PYTHONPATH": "theirs", "OMP_NUM_THREADS": "8", "LANG": "C"}, None, PACKAGE)
    assert found["OMP_NUM_THREADS"] == "1"
    assert found["ORT_DISABLE_TELEMETRY"] == "1"
    assert found["PYTHONPATH"] == "/somewhere:theirs"
    assert found["LANG"] == "C"


def test_no_secret_reaches_what_trains() -> None:
    given = {"HWNAS_DATABASE_URL": "postgresql://u:p@h/n", "HWNAS_KEY": "hwnas_r_1", "PGPASSWORD": "p"}
    found = environment({**given, "AWS_ACCESS_KEY_ID": "for artifacts"}, None, PACKAGE)
    assert not set(given) & set(found)
    assert found["AWS_ACCESS_KEY_ID"] == "for artifacts"

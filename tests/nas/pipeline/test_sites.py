"""A target is measured on this machine, or on a board by its name; one that is not there is waited for."""

from dataclasses import replace

import pytest
from sqlalchemy import update

from latency_predictors.device import host_context, host_device
from latency_predictors.measure import NETWORK_PROTOCOL
from nas.jobs import JobState, Waiting
from nas.pipeline import profile
from nas.pipeline.measuring import measured
from nas.pipeline.sites import (
    ATTENDANCE,
    Attendance,
    absent_devices,
    attended,
    check_devices,
    context_of,
    missing_devices,
    site_of,
    target_site,
)
from nas.pipeline.tables import known_table, latest_table
from nas.settings import Settings
from nas.specs import ContextSpec, TargetSpec, WhenMissing, parse_spec
from nas.store.agent_store import Agent
from nas.store.audit_log import Actor
from nas.store.measurement_tables import agents
from nas.store.session import writing
from search_spaces.errors import MeasurementError, UsageError
from tests.latency_predictors.sessions import DEVICE
from tests.nas.pipeline.sites import here
from tests.nas.pipeline.small_search import Home, Recorder, small_spec
from tests.nas.store.boards import new_key, told

TENANT = Settings().tenant
TARGETS = [{"device": "host"}, {"device": "pi5"}]


def board(home: Home, name: str = "pi5", **more: object) -> Agent:
    """A registered board."""
    key = new_key(home.stores.engine, TENANT)
    return home.stores.agents.register(
        TENANT, Actor("ann", key), told(name, power_mode="governor slow", **more)
    )


def test_the_host_is_this_machine(home: Home) -> None:
    assert site_of(home.stores, TENANT, "host", ContextSpec()) == here()
    assert context_of(ContextSpec()) == host_context("onnxruntime", threads=1)


def test_a_name_that_nobody_has_is_refused_and_those_that_there_are_are_named(home: Home) -> None:
    board(home)
    check_devices(home.stores, TENANT, small_spec(targets=TARGETS).targets)
    mistyped = small_spec(targets=[{"device": "pi5"}, {"device": "p15"}]).targets
    with pytest.raises(UsageError, match=r"no device is named 'p15': there are host, pi5;") as caught:
        check_devices(home.stores, TENANT, mistyped)
    assert caught.value.code == "unknown_device"
    with pytest.raises(UsageError, match="there are host;"):
        check_devices(home.stores, "another", small_spec(targets=TARGETS).targets)


def test_where_a_search_proceeds_a_board_that_has_a_key_may_be_missing(home: Home) -> None:
    def code(when_missing: WhenMissing, tenant: str = TENANT) -> str:
        try:
            check_devices(home.stores, tenant, small_spec(targets=TARGETS).targets, when_missing)
        except UsageError as error:
            return error.code
        return ""

    assert code("proceed") == "unknown_device", "it may be mistyped"
    key, _ = home.stores.keys.create(TENANT, "pi5", ["device"])
    assert [code("proceed"), code("proceed", "another"), code("wait")] == ["", *["unknown_device"] * 2]
    job = home.submit(small_spec(targets=TARGETS, when_missing="proceed"))
    assert home.attempt(job) is JobState.WAITING
    assert home.runs[-1].load(ATTENDANCE, Attendance).targets == (0,)
    home.stores.keys.revoke(TENANT, key.id)
    assert code("proceed") == "unknown_device"


def test_a_board_is_measured_as_its_agent_runs(home: Home) -> None:
    agent = board(home)
    site = site_of(home.stores, TENANT, "pi5", ContextSpec(precision="int8", threads=2, batch=8))
    assert site.device == replace(DEVICE, registered=agent.id)
    context = site.context
    assert (context.runtime_version, context.power_mode) == ("1.31.1", "governor slow")
    assert (context.precision, context.threads, context.batch) == ("int8", 2, 8)


@pytest.mark.parametrize(
    ("device", "runtime", "code"),
    [("pi6", "onnxruntime", "device_missing"), ("pi5", "openvino", "runtime_missing")],
)
def test_what_a_board_does_not_have_is_told_with_what_to_do(
    home: Home, device: str, runtime: str, code: str
) -> None:
    board(home)
    spec = ContextSpec.model_validate({"runtime": runtime})
    with pytest.raises(MeasurementError) as caught:
        site_of(home.stores, TENANT, device, spec)
    assert caught.value.code == code
    with pytest.raises(MeasurementError, match="hwnas agent"):
        site_of(home.stores, "other", "pi5", ContextSpec())


def test_a_table_of_a_board_that_is_not_there_is_empty(home: Home) -> None:
    ctx = home.context(targets=TARGETS)
    assert known_table(ctx, ctx.spec.targets[1]).entries == {}
    agent = board(home)
    table = known_table(ctx, ctx.spec.targets[1])
    assert (table.device, table.entries) == (agent.device, {})
    assert target_site(ctx, ctx.spec.targets[1]).device == agent.device
    assert latest_table(home.stores, here()).device == host_device()


def test_a_board_that_is_not_there_is_known_to_run_networks_as_its_target_says(home: Home) -> None:
    how = {"runtime": "openvino", "precision": "int8", "threads": 2, "batch": 8}
    ctx = home.context(targets=[{"device": "pi5", "context": how}])
    context = known_table(ctx, ctx.spec.targets[0]).context
    assert {name: getattr(context, name) for name in how} == how


def test_a_search_waits_for_its_board_and_has_the_others_measured_meanwhile(home: Home) -> None:
    shown = Recorder()
    ctx = home.context(shown, targets=TARGETS)
    assert profile.run(ctx) == Waiting(devices=("pi5",))
    leased = home.stores.measurements.lease(host_device().digest, "w")
    assert leased is not None, "this machine is measured while the board is missing"
    home.stores.queue.settle(ctx.run.lease, Waiting(devices=("pi5",)))
    assert home.stores.jobs.get(TENANT, ctx.run.id).state is JobState.WAITING
    events = home.stores.jobs.events(TENANT, ctx.run.id)
    assert dict(events[-1].data)["devices"] == ["pi5"]
    assert any("waiting for device 'pi5'" in line for line in shown.said)
    agent = board(home)
    assert home.stores.jobs.get(TENANT, ctx.run.id).state is JobState.QUEUED
    again = replace(ctx, run=home.claim(home.stores.jobs.get(TENANT, ctx.run.id)))
    assert missing_devices(again) == ()
    assert profile.run(again) == Waiting()
    found = home.stores.agent_queue.ask(agent, agent.instance, 1)
    assert found is not None
    assert found[1].context == target_site(again, again.spec.targets[1]).context


def test_boards_and_host_have_queues_of_their_own(home: Home) -> None:
    ctx, agent = home.context(targets=TARGETS), board(home)
    site = target_site(ctx, ctx.spec.targets[1])
    file = home.stores.artifacts.put(b"a network")
    assert measured(ctx, site, NETWORK_PROTOCOL, {"a" * 64: lambda: file}) is None
    assert home.stores.measurements.lease(host_device().digest, "w") is None
    assert home.stores.agent_queue.ask(agent, agent.instance, 1) is not None


def test_why_a_device_is_absent_is_told(home: Home) -> None:
    spec = small_spec(targets=TARGETS)
    assert absent_devices(home.stores, TENANT, spec) == {"pi5": "not registered"}
    board(home)
    assert absent_devices(home.stores, TENANT, spec) == {}
    with writing(home.stores.engine) as connection:
        connection.execute(update(agents).values(seen_at_ms=1))
    assert absent_devices(home.stores, TENANT, spec) == {"pi5": "its agent is not heard of"}
    with writing(home.stores.engine) as connection:
        connection.execute(update(agents).values(quarantine="5 failures in a row"))
    assert absent_devices(home.stores, TENANT, spec) == {"pi5": "in quarantine: 5 failures in a row"}


def two_minutes_pass(home: Home) -> None:
    """No board is heard of for two minutes."""
    with writing(home.stores.engine) as connection:
        connection.execute(update(agents).values(seen_at_ms=agents.c.seen_at_ms - 120_000))


def test_a_board_that_works_by_bundles_is_there_though_it_is_silent(home: Home) -> None:
    spec = small_spec(targets=TARGETS, when_missing="proceed")
    agent, bundles = board(home), home.stores.bundles
    two_minutes_pass(home)
    bundles.taken(bundles.make(TENANT, "pi5").id, "a" * 64)
    assert absent_devices(home.stores, TENANT, spec) == {"pi5": "its agent is not heard of"}, "it has a key"
    home.stores.keys.revoke(TENANT, agent.key_id)
    assert absent_devices(home.stores, TENANT, spec) == {}
    home.attempt(home.submit(spec))
    kept = attended(home.runs[-1], home.stores, Recorder())
    assert [target.device for target in kept.targets] == ["host", "pi5"]


def test_a_board_whose_key_was_ended_is_absent_where_no_bundle_was_answered(home: Home) -> None:
    home.stores.keys.revoke(TENANT, board(home).key_id)
    home.stores.bundles.make(TENANT, "pi5")
    two_minutes_pass(home)
    found = absent_devices(home.stores, TENANT, small_spec(targets=TARGETS))
    assert found == {"pi5": "its agent is not heard of"}


@pytest.mark.parametrize("name", ["Pi 5", "", "../host", "x" * 41])
def test_names_that_no_board_can_have_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="device"):
        parse_spec({"dataset": {"name": "digits"}, "targets": [{"device": name}]})
    assert TargetSpec().device == "host"


def test_a_search_that_is_told_to_proceeds_with_the_devices_that_are_there(home: Home) -> None:
    shown = Recorder()
    job = home.submit(small_spec(targets=TARGETS, when_missing="proceed"))
    assert home.attempt(job, shown) is JobState.WAITING
    run = home.runs[-1]
    assert run.load(ATTENDANCE, Attendance) == Attendance(targets=(0,), left_out={"pi5": "not registered"})
    assert any("goes on without device 'pi5'" in line for line in shown.said)
    board(home)
    spec = attended(run, home.stores, shown)
    assert [target.device for target in spec.targets] == ["host"], "that is decided once"


def test_a_search_without_any_of_its_devices_waits_whatever_it_was_told(home: Home) -> None:
    job = home.submit(small_spec(targets=TARGETS[1:], when_missing="proceed"))
    assert home.attempt(job) is JobState.WAITING
    assert home.stores.agents.missing(job.id) == ("pi5",)
    assert not home.runs[-1].has(ATTENDANCE)

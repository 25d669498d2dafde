"""Devices are read by their digests."""

from dataclasses import replace

from sqlalchemy import Engine, update

from latency_predictors.device import ExecutionContext, host_device
from nas.store.device_rows import devices_of, register
from nas.store.measurement_tables import devices
from nas.store.session import reading, writing
from tests.nas.store.queued import TENANT


def test_devices_are_found_by_their_digests(engine: Engine) -> None:
    here = host_device()
    others = [replace(here, registered=name) for name in ("one", "two", "three")]
    with writing(engine) as connection:
        for device in (here, *others):
            register(connection, device, ExecutionContext("fake", "1"), {"tenant": TENANT, "owner": ""})
        for device, facts in ((others[1], {"cpu": "of a later version"}), (others[2], {"cpu_model": "x"})):
            row = devices.c.digest == device.digest
            connection.execute(update(devices).where(row).values(facts=facts))
    asked = [device.digest for device in (here, *others[1:])]
    with reading(engine) as connection:
        assert devices_of(connection, [*asked, "unknown"]) == {here.digest: here}
        assert devices_of(connection, [others[0].digest]) == {others[0].digest: others[0]}
        assert devices_of(connection, []) == {}


def test_facts_that_are_not_those_of_the_digest_are_nobodys(engine: Engine) -> None:
    here = host_device()
    with writing(engine) as connection:
        register(connection, here, ExecutionContext("fake", "1"), {"tenant": TENANT, "owner": ""})
        facts = {
            "cpu_model": "",
            "cpu_features": [],
            "num_cores": 1,
            "memory_gib": 1,
            "architecture": "",
            "os": "",
        }
        connection.execute(update(devices).values(facts=facts))
    with reading(engine) as connection:
        assert devices_of(connection, [here.digest]) == {}

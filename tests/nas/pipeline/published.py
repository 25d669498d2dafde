"""Files that are answered with what somebody published, in the place of a device."""

from collections.abc import Callable
from typing import Any

from latency_predictors.fake_device import FakeDevice, Script
from nas.pipeline.context import RunContext
from nas.pipeline.sites import Site
from tests.nas.pipeline.small_search import Home


def published(home: Home, ctx: RunContext, site: Site, ask: Callable[[], Any]) -> Any:
    """What is asked for once all that it has to wait for is answered so, an energy where one is wanted."""
    assert ask() is None
    leased = home.stores.measurements.lease(site.device.digest, "replay")
    assert leased is not None
    lease, batches = leased
    for batch in batches:
        where = {"device": site.device, "context": batch.context, "provenance": "published"}
        script = Script(watts=5.0 if batch.timing.energy else 0.0)
        board = FakeDevice(dict.fromkeys(batch.artifacts, 0.1), script)
        for session in board.sessions(list(batch.artifacts), batch.timing, batch.sessions):
            assert ctx.stores.measurements.deliver(lease, session.model_copy(update=where)) > 0
    home.stores.measurements.give_back(lease)
    return ask()

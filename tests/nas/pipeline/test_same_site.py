"""Whatever is measured late in a search is measured where and how its first figures were, or not at all."""

from dataclasses import asdict, replace
from functools import partial

import pytest

from latency_predictors.device import host_context, host_device
from nas.pipeline import sites
from nas.pipeline.same_site import result_site, same_site
from nas.specs import LatencySpec
from search_spaces.errors import MeasurementError
from tests.nas.pipeline.conftest import FinishedSearch
from tests.nas.pipeline.sites import here

FAST = replace(host_context(), power_mode="governor performance")
SLOW = replace(host_context(), power_mode="governor powersave")


@pytest.fixture
def _slowed_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """The governor of this machine is another by now."""
    monkeypatch.setattr(sites, "context_of", lambda spec: SLOW)


def test_what_has_not_changed_is_measured_on(finished: FinishedSearch) -> None:
    ctx = finished.context()
    (target,) = ctx.spec.targets
    assert same_site(ctx, target, host_device().digest, host_context()) == here()
    assert same_site(ctx, target, "", None) == here(), "an earlier version has kept neither"
    assert result_site(ctx, finished.target) == here()


@pytest.mark.usefixtures("_slowed_down")
def test_another_context_is_refused_and_both_are_named(finished: FinishedSearch) -> None:
    ctx = finished.context()
    (target,) = ctx.spec.targets
    measured = finished.target.model_copy(update={"context": asdict(FAST)})
    asked = [
        partial(same_site, ctx, target, host_device().digest, FAST),
        partial(result_site, ctx, measured),
    ]
    for ask in asked:
        with pytest.raises(MeasurementError) as caught:
            ask()
        assert caught.value.code == "context_mismatch"
        for named in (FAST.label, SLOW.label, "resume the search", "search again"):
            assert named in caught.value.message


def test_another_device_is_refused(finished: FinishedSearch) -> None:
    ctx = finished.context()
    with pytest.raises(MeasurementError, match="begun on another device") as caught:
        same_site(ctx, ctx.spec.targets[0], "f" * 64, host_context())
    assert caught.value.code == "context_mismatch"
    elsewhere = {**finished.target.device, "num_cores": 1_000}
    with pytest.raises(MeasurementError, match="begun on another device"):
        result_site(ctx, finished.target.model_copy(update={"device": elsewhere}))


def test_pauses_that_were_asked_for_are_no_other_context(finished: FinishedSearch) -> None:
    ctx = finished.context()
    paced = finished.target.target.model_copy(update={"latency": LatencySpec(mode="paced", pause_ms=20)})
    context = replace(host_context(), pause_ms=20.0)
    measured = finished.target.model_copy(update={"target": paced, "context": asdict(context)})
    assert result_site(ctx, measured) == here(), "layers, and networks by the metric, are measured there"

"""Energies of several sessions, worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest

from latency_predictors.energy import assumed_energy
from latency_predictors.energy_figure import EnergyFigure, MeasuredEnergy, Scope
from latency_predictors.energy_sessions import (
    combine_energies,
    correlation_with_latency,
    scopes_seen,
    seen_in_scope,
)
from latency_predictors.protocol import Conditions, SessionResult
from search_spaces.errors import UsageError
from tests.latency_predictors.sessions import session


def watched(name: str, energies_mj: dict[str, float], scope: Scope = "board") -> SessionResult:
    """A session in which a meter saw so many millijoules, give or take a twentieth; half of it above idle."""
    found = session(name, dict.fromkeys(energies_mj, 2.0), scale=1.3)
    results = [
        one.model_copy(update={"summary": replace(one.summary, energy=seen(energies_mj[one.digest], scope))})
        for one in found.results
    ]
    return found.model_copy(update={"results": tuple(results)})


def seen(gross_mj: float, scope: Scope) -> MeasuredEnergy:
    gross, net = (
        EnergyFigure(mj, 0.95 * mj, 1.05 * mj, "measured", scope) for mj in (gross_mj, gross_mj / 2)
    )
    return MeasuredEnergy(gross, net, gross_mj / 2.0, (1.0, 1.0), 2.0, f"a {scope}", 60)


def test_the_median_of_sessions_counts_and_the_interval_holds_all_of_them() -> None:
    found = combine_energies([watched("s1", {"a": 4.0, "b": 1.0}), watched("s2", {"a": 5.0})])
    assert found.keys() == {"a", "b"}
    one = found["a"]
    assert (one.gross.value_mj, one.net.value_mj, one.mean_w) == (4.5, 2.25, 2.25)
    assert (one.gross.lower_mj, one.gross.upper_mj) == pytest.approx((0.95 * 4.0, 1.05 * 5.0))
    assert (one.gross.kind, one.gross.scope, one.meter) == ("measured", "board", "a board")
    assert one.rel_sd == pytest.approx(0.5**0.5 / 4.5)
    assert (one.session_ids, found["b"].session_ids) == (("s1", "s2"), ("s1",))
    # Slow or not: energies are not divided by the scale of the session.
    assert found["b"].gross.value_mj == 1.0


def test_sessions_beside_other_work_count_only_where_there_are_no_others() -> None:
    beside = watched("s1", {"a": 9.0, "b": 3.0}).model_copy(update={"conditions": Conditions(too_busy=True)})
    later = watched("s22", {"a": 5.0})
    found = combine_energies([beside, later])
    assert found["a"].gross.value_mj == 5.0
    assert (found["a"].session_ids, found["a"].measured_at) == (("s22",), later.started_at)
    assert (found["b"].session_ids, found["b"].measured_at) == (("s1",), beside.started_at)
    assert found["a"].gross.upper_mj == pytest.approx(1.05 * 5.0)
    assert found["b"].gross.value_mj == 3.0


def test_sessions_without_a_meter_tell_nothing() -> None:
    assert combine_energies([session("s1", {"a": 1.0})]) == {}


def test_meters_that_see_different_things_are_not_combined() -> None:
    with pytest.raises(UsageError) as caught:
        combine_energies([watched("s1", {"a": 4.0}), watched("s2", {"a": 5.0}, scope="wall")])
    assert caught.value.code == "mixed_energy"


def test_what_a_meter_of_another_scope_saw_is_left_out() -> None:
    both, plain = watched("s1", {"a": 4.0, "b": 1.0}), session("s2", {"a": 1.0})
    wall = watched("s3", {"c": 9.0}, scope="wall")
    assert list(scopes_seen(both)) == [("a", "board"), ("b", "board")]
    assert list(scopes_seen(plain)) == []
    assert seen_in_scope([both, plain, wall], "board") == (both, plain)
    assert seen_in_scope([both, wall], "wall") == (wall,)
    mixed = both.model_copy(update={"results": (*both.results, *wall.results)})
    assert seen_in_scope([mixed], "wall") == (mixed.model_copy(update={"results": wall.results}),)


def test_energy_that_follows_latency_says_nothing_new() -> None:
    def figures(*mj: float) -> list[EnergyFigure]:
        return [seen(one, "board").gross for one in mj]

    latency = np.array([1.0, 2.0, 3.0, 4.0])
    assert correlation_with_latency(figures(5.0, 10.0, 15.0, 20.0), latency) == pytest.approx(1.0)
    assert correlation_with_latency(figures(1.0, 2.0, 4.0, 3.0), latency) == pytest.approx(0.8)
    assert correlation_with_latency(figures(1.0, 2.0), latency[:2]) is None
    with pytest.raises(UsageError):
        correlation_with_latency([*figures(1.0, 2.0), assumed_energy((1.0, 1.0, 1.0), 5.0)], latency[:3])

from latency_predictors.agreement import undecided
from tests.latency_predictors.sessions import session


def test_sessions_are_undecided_on_what_differs_or_was_disturbed_throughout() -> None:
    calm = session("s1", {"a": 1.0, "b": 1.0, "c": 1.0})
    assert undecided([calm, session("s2", {"a": 1.09, "b": 1.11})]) == {"b"}
    restless = [session(name, {"a": 1.0}, suspect=True) for name in ("s1", "s2")]
    assert undecided(restless) == {"a"}
    assert undecided(restless[:1]) == set()
    assert undecided([calm, restless[0]]) == set()

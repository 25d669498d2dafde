from inspect import iscoroutinefunction

from fastapi.routing import APIRoute

from tests.api.served import Caller, code


def test_a_process_lives_whatever_the_database_does(api: Caller) -> None:
    assert api.get("/livez").json() == {"status": "ok"}
    assert api.get("/readyz").json() == {"status": "ok"}


def test_that_a_process_lives_needs_no_thread(api: Caller) -> None:
    """All of them may wait for a database that hangs."""
    (route,) = (one for one in api.app.routes if isinstance(one, APIRoute) and one.path == "/livez")
    assert iscoroutinefunction(route.endpoint)


def test_it_is_not_ready_where_the_database_is_away(api: Caller) -> None:
    api.stores.engine.dispose()
    home = api.app.state.service.settings.home
    (home / "hwnas.db").rename(home / "away.db")
    (home / "hwnas.db").mkdir()
    answer = api.get("/readyz")
    assert code(answer) == (503, "database_unreachable")
    assert answer.headers["retry-after"]
    assert api.get("/livez").status_code == 200

from api.dashboard.screens import ROUTERS
from tests.api.served import Caller


def test_every_screen_is_on_the_air_and_none_is_in_the_contract(api: Caller) -> None:
    served = {getattr(route, "path", "") for route in api.app.routes}
    pages = {getattr(route, "path", "") for router in ROUTERS for route in router.routes}
    assert pages <= served
    assert not pages & set(api.app.openapi()["paths"])

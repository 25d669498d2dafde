import subprocess
import sys

from fastapi.routing import APIRoute

from tests.api.served import Caller

IMPORTS = """
import sys
import api.app
trains = {"torch", "ray", "sklearn", "optuna"}
slow = {"scipy.optimize", "scipy.stats", "alembic", "onnx", "onnxruntime"}
heavy = (trains | slow) & set(sys.modules)
assert not heavy, heavy
import psutil
resident = psutil.Process().memory_info().rss
assert resident <= 150_000_000, resident
"""


def test_the_application_starts_without_what_trains_and_small() -> None:
    subprocess.run([sys.executable, "-c", IMPORTS], check=True)


def test_the_contract_names_every_operation(api: Caller) -> None:
    contract = api.get("/openapi.json").json()
    assert contract["openapi"].startswith("3.1")
    operations = [route for route in api.app.routes if isinstance(route, APIRoute)]
    pages = [route.path for route in operations if not route.include_in_schema]
    assert set(contract["paths"]) == {route.path for route in operations} - set(pages)
    assert not [path for path in pages if path.startswith("/v1/")]


def test_nothing_is_documented_by_pages_that_load_from_elsewhere(api: Caller) -> None:
    assert api.get("/docs").status_code == 404
    assert api.get("/redoc").status_code == 404

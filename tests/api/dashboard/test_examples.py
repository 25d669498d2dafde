import ast
import json
import shlex

import yaml

from api.dashboard.examples import examples

DOCUMENT = {
    "dataset": {"name": "stored", "id": 'it\'s "mine"; $(rm)'},
    "targets": [{"limits": {"latency_ms": 2.0}}],
}


def test_all_three_ask_for_the_same_search() -> None:
    found = examples(DOCUMENT, "http://localhost:8265")
    assert yaml.safe_load(found["YAML"]) == DOCUMENT
    words = shlex.split(found["curl"].replace("\\\n", " "))
    assert words[:4] == ["curl", "-sS", "--fail-with-body", "http://localhost:8265/v1/searches"]
    assert json.loads(words[-1]) == DOCUMENT
    assigned = next(node for node in ast.parse(found["Python"]).body if isinstance(node, ast.Assign))
    assert ast.literal_eval(assigned.value) == DOCUMENT

"""What the contract promises of answers."""

import json
from typing import Any

from jsonschema_rs import Draft202012Validator

from api.problems import MEDIA_TYPE
from tests.api.asgi import Got

JSON = "application/json"


class Promises:
    """What the answers of an application are to be like.

    Args:
        document: The contract (OpenAPI 3.1).
    """

    def __init__(self, document: dict[str, Any]) -> None:
        self._components = document["components"]
        self._problem = self._validator({"$ref": "#/components/schemas/Problem"})
        self._operations: dict[str, dict[int, dict[str, Draft202012Validator]]] = {
            f"{method.upper()} {path}": {
                int(status): {
                    kind: self._validator(one.get("schema", {}))
                    for kind, one in told.get("content", {}).items()
                }
                for status, told in operation["responses"].items()
                if status != "default"
            }
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
        }

    def _validator(self, schema: dict[str, Any]) -> Draft202012Validator:
        return Draft202012Validator({**schema, "components": self._components})

    def broken(self, got: Got) -> str:
        """Say what of the contract an answer breaks; empty where it breaks nothing."""
        where = f"{got.status} of {got.operation or 'nothing'}"
        if got.status >= 500:
            return where
        known = self._operations.get(got.operation)
        if known is None and (got.operation or got.status < 400):
            return ""  # a page for people, or a redirect to an address without a slash at its end
        if got.status >= 400:
            good = got.content_type == MEDIA_TYPE and self._problem.is_valid(json.loads(got.body))
            return "" if good else f"{where} is no problem document"
        kinds = (known or {}).get(got.status)
        if kinds is None:
            return f"{where} is not documented"
        if kinds and got.content_type not in kinds:
            return f"{where} is {got.content_type}"
        good = got.content_type != JSON or not kinds or kinds[JSON].is_valid(json.loads(got.body))
        return "" if good else f"{where} is against its schema"

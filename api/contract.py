"""The contract (OpenAPI): what FastAPI finds in the routes, with who may ask and how errors are told."""

from collections.abc import Iterator
from typing import Any, Final

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field

from api.problems import MEDIA_TYPE
from api.security import scopes_of

_KEY: Final = "key"
_PROBLEM: Final = {
    "description": "What went wrong: a problem document (RFC 9457) with a stable code.",
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


class InvalidField(BaseModel):
    """One thing that is wrong with what was sent."""

    where: str
    problem: str


class Problem(BaseModel):
    """Why a request was refused.

    Attributes:
        type: Address of the page about the code.
        code: Stable, for programs.
        detail: For people; tells the fix.
        problems: Everything that is wrong with what was sent, where that is the reason.
    """

    type: str
    title: str
    status: int
    code: str
    detail: str
    problems: list[InvalidField] = Field(default_factory=list)


class Application(FastAPI):
    """FastAPI with that contract."""

    def openapi(self) -> dict[str, Any]:
        """Return the contract; made when it is asked for first."""
        if not self.openapi_schema:
            _complete(self, super().openapi())
        return super().openapi()


def _complete(app: FastAPI, found: dict[str, Any]) -> None:
    """Add to what FastAPI has found who may ask and how errors are told."""
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    described = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= described.pop("$defs") | {"Problem": described}
    bearer = {"type": "http", "scheme": "bearer", "description": "A key of `hwnas keys create`."}
    found["components"]["securitySchemes"] = {_KEY: bearer}
    for operation, route in _operations(app, found):
        operation["responses"].pop("422", None)
        operation["responses"]["default"] = _PROBLEM
        if scopes := sorted(scopes_of(route)):
            operation["security"] = [{_KEY: scopes}]


def _operations(app: FastAPI, found: dict[str, Any]) -> Iterator[tuple[dict[str, Any], APIRoute]]:
    for route in app.routes:
        if isinstance(route, APIRoute) and route.include_in_schema:
            for method in route.methods or ():
                yield found["paths"][route.path_format][method.lower()], route

"""What searches are for, beside their rows: devices and spaces, so that lists find them by an index."""

from collections.abc import Mapping
from typing import Any, Final, Literal

from sqlalchemy import Connection, Select, and_, select

from nas.store.pages import Order
from nas.store.tables import job_facets, jobs

Facet = Literal["device", "space"]
LONGEST: Final = 200
"""Letters of a value; a longer one is the name of nothing."""


def insert_facets(
    connection: Connection, tenant: str, job_id: str, created_at_ms: int, spec: Mapping[str, Any]
) -> None:
    """Note what a new search is for, in the caller's transaction."""
    row = {"tenant": tenant, "job_id": job_id, "created_at_ms": created_at_ms}
    rows = [{**row, "name": name, "value": value} for name, value in sorted(facets_of(spec))]
    if rows:
        connection.execute(job_facets.insert(), rows)


def facets_of(spec: Mapping[str, Any]) -> set[tuple[Facet, str]]:
    """Return what a search is for; a specification that is not valid tells less."""
    targets, space = spec.get("targets"), spec.get("space")
    many = targets if isinstance(targets, list | tuple) else ()
    told: list[tuple[Facet, Any]] = [
        ("device", one.get("device")) for one in many if isinstance(one, Mapping)
    ]
    if isinstance(space, Mapping):
        told.append(("space", space.get("name")))
    return {(name, value) for name, value in told if _is_name(value)}


def about(query: Select[Any], tenant: str, wanted: Mapping[Facet, str]) -> tuple[Select[Any], Order]:
    """Return a query for jobs that asks only for those with some facets, and what to order it by.

    Args:
        query: For jobs.
        tenant: Whose.
        wanted: Values by facet; empty for any.
    """
    order: Order = (jobs.c.created_at_ms, jobs.c.id)
    for name, value in wanted.items():
        if value:
            facet = job_facets.alias(name)
            own = and_(facet.c.tenant == tenant, facet.c.name == name, facet.c.value == value)
            # By the identifier alone: of two conditions that say the same, planners expect next to no rows.
            query = query.join(facet, facet.c.job_id == jobs.c.id).where(own)
            order = (facet.c.created_at_ms, facet.c.job_id)
    return query, order


def values_of(connection: Connection, tenant: str, name: Facet) -> tuple[str, ...]:
    """Return the values that the searches of a tenant have of a facet, in order."""
    own = and_(job_facets.c.tenant == tenant, job_facets.c.name == name)
    query = select(job_facets.c.value).where(own).distinct().order_by(job_facets.c.value)
    return tuple(connection.execute(query).scalars())


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST and value.isprintable()

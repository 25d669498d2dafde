"""What searches are for, so that lists find them by device and space; lists of supernets."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Make the table and note what the searches that are there are for; make the indices."""
    facets = op.create_table(
        "job_facets",
        sa.Column("job_id", sa.String(40), nullable=False),
        sa.Column("name", sa.String(20), nullable=False),
        sa.Column("value", sa.String(200), nullable=False),
        sa.Column("tenant", sa.String(200), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False, server_default="0"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_job_facets_job_id"),
        sa.PrimaryKeyConstraint("job_id", "name", "value", name="pk_job_facets"),
    )
    searches = op.get_bind().execute(
        sa.text("SELECT id, tenant, created_at_ms, spec FROM jobs WHERE kind = 'search'")
    )
    rows = [
        {
            "tenant": job.tenant,
            "name": name,
            "value": value,
            "created_at_ms": job.created_at_ms,
            "job_id": job.id,
        }
        for job in searches
        for name, value in sorted(_facets(json.loads(job.spec)))
    ]
    if rows:
        op.bulk_insert(facets, rows)
    columns = ["tenant", "name", "value", "created_at_ms", "job_id"]
    op.create_index("ix_job_facets_listed", "job_facets", columns)
    op.create_index("ix_supernets_listed", "supernets", ["tenant", "created_at_ms", "id"])


def _facets(spec: dict[str, Any]) -> set[tuple[str, str]]:
    targets, space = spec.get("targets"), spec.get("space")
    many = targets if isinstance(targets, list) else []
    told: list[tuple[str, Any]] = [("device", one.get("device")) for one in many if isinstance(one, dict)]
    told += [("space", space.get("name"))] if isinstance(space, dict) else []
    return {(name, value) for name, value in told if _is_name(value)}


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 200 and value.isprintable()

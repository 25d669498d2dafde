"""Agents on devices, jobs that wait for a device, how often a file has failed."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the tables and the column."""
    op.create_table(
        "agents",
        _required("id", sa.String(40)),
        _required("tenant", sa.String(200)),
        _required("owner", sa.String(200)),
        _required("name", sa.String(200)),
        _required("device", sa.String(64)),
        _required("key_id", sa.String(16)),
        _required("instance", sa.String(40)),
        _required("facts", sa.Text),
        _required("asked", sa.BigInteger),
        _required("failures", sa.Integer),
        _required("quarantine", sa.Text),
        _time("registered_at_ms"),
        _time("seen_at_ms"),
        sa.ForeignKeyConstraint(["device"], ["devices.digest"], name="fk_agents_device"),
        sa.PrimaryKeyConstraint("id", name="pk_agents"),
        sa.UniqueConstraint("key_id", name="uq_agents_key_id"),
        sa.UniqueConstraint("tenant", "name", name="uq_agents_name"),
    )
    op.create_table(
        "job_devices",
        _required("job_id", sa.String(40)),
        _required("name", sa.String(200)),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_job_devices_job_id"),
        sa.PrimaryKeyConstraint("job_id", "name", name="pk_job_devices"),
    )
    op.add_column("measurement_tasks", sa.Column("failures", sa.Integer, server_default="0", nullable=False))


def _required(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _time(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, server_default="0")

"""Devices, the queue of measurements, what was measured and what is derived from it."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the tables."""
    _contexts()
    _devices()
    _corrections()
    _lookup_tables()
    _measurement_tasks()
    _sessions()
    _job_tasks()
    _measurements()


def _contexts() -> None:
    op.create_table(
        "contexts",
        _required("digest", sa.String(64)),
        _required("facts", sa.Text),
        _time("created_at_ms"),
        sa.PrimaryKeyConstraint("digest", name="pk_contexts"),
    )


def _devices() -> None:
    op.create_table(
        "devices",
        _required("digest", sa.String(64)),
        _required("tenant", sa.String(200)),
        _required("owner", sa.String(200)),
        _required("label", sa.String(200)),
        _required("facts", sa.Text),
        _required("lease_attempt", sa.Integer),
        _required("lease_token", sa.String(32)),
        _required("lease_worker", sa.String(200)),
        _required("measured", sa.Integer()),
        _required("to_measure", sa.Integer()),
        _time("lease_until_ms"),
        _time("created_at_ms"),
        sa.PrimaryKeyConstraint("digest", name="pk_devices"),
    )


def _corrections() -> None:
    op.create_table(
        "corrections",
        _required("device", sa.String(64)),
        _required("context", sa.String(64)),
        _required("space_digest", sa.String(64)),
        _required("version", sa.Integer),
        _required("content", sa.Text),
        _required("report", sa.Text),
        _required("job_id", sa.String(40)),
        _required("attempt", sa.Integer),
        _time("created_at_ms"),
        sa.ForeignKeyConstraint(["context"], ["contexts.digest"], name="fk_corrections_context"),
        sa.ForeignKeyConstraint(["device"], ["devices.digest"], name="fk_corrections_device"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_corrections_job_id"),
        sa.PrimaryKeyConstraint("device", "context", "space_digest", "version", name="pk_corrections"),
    )


def _lookup_tables() -> None:
    op.create_table(
        "lookup_tables",
        _required("device", sa.String(64)),
        _required("context", sa.String(64)),
        _required("version", sa.Integer),
        _required("artifact", sa.String(64)),
        _required("num_entries", sa.Integer),
        _required("job_id", sa.String(40)),
        _required("attempt", sa.Integer),
        _time("created_at_ms"),
        sa.ForeignKeyConstraint(["context"], ["contexts.digest"], name="fk_lookup_tables_context"),
        sa.ForeignKeyConstraint(["device"], ["devices.digest"], name="fk_lookup_tables_device"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_lookup_tables_job_id"),
        sa.PrimaryKeyConstraint("device", "context", "version", name="pk_lookup_tables"),
    )
    op.create_index("ix_lookup_tables_artifact", "lookup_tables", ["artifact"])


def _measurement_tasks() -> None:
    op.create_table(
        "measurement_tasks",
        _required("id", sa.String(40)),
        _required("tenant", sa.String(200)),
        _required("owner", sa.String(200)),
        _required("device", sa.String(64)),
        _required("context", sa.String(64)),
        _required("protocol", sa.String(64)),
        _required("timing", sa.Text),
        _required("subject", sa.String(64)),
        _required("artifact", sa.String(64)),
        _required("sessions", sa.Integer),
        _required("state", sa.String(20)),
        _required("code", sa.String(60)),
        _required("message", sa.Text),
        _time("created_at_ms"),
        _time("changed_at_ms"),
        sa.ForeignKeyConstraint(["context"], ["contexts.digest"], name="fk_measurement_tasks_context"),
        sa.ForeignKeyConstraint(["device"], ["devices.digest"], name="fk_measurement_tasks_device"),
        sa.PrimaryKeyConstraint("id", name="pk_measurement_tasks"),
        sa.UniqueConstraint("device", "context", "protocol", "subject", name="uq_measurement_tasks_key"),
    )
    op.create_index("ix_measurement_tasks_artifact", "measurement_tasks", ["artifact"])
    op.create_index(
        "ix_measurement_tasks_pending",
        "measurement_tasks",
        ["device", "created_at_ms", "id"],
        **_only("state = 'pending'"),
    )


def _sessions() -> None:
    op.create_table(
        "sessions",
        _required("id", sa.String(200)),
        _required("device", sa.String(64)),
        _required("context", sa.String(64)),
        _required("protocol", sa.String(64)),
        _required("content", sa.Text),
        _required("worker", sa.String(200)),
        _required("number", sa.Integer),
        _time("delivered_at_ms"),
        sa.ForeignKeyConstraint(["context"], ["contexts.digest"], name="fk_sessions_context"),
        sa.ForeignKeyConstraint(["device"], ["devices.digest"], name="fk_sessions_device"),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
        sa.UniqueConstraint("device", "context", "number", name="uq_sessions_device_context_number"),
    )


def _job_tasks() -> None:
    op.create_table(
        "job_tasks",
        _required("job_id", sa.String(40)),
        _required("task_id", sa.String(40)),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_job_tasks_job_id"),
        sa.ForeignKeyConstraint(["task_id"], ["measurement_tasks.id"], name="fk_job_tasks_task_id"),
        sa.PrimaryKeyConstraint("job_id", "task_id", name="pk_job_tasks"),
    )
    op.create_index("ix_job_tasks_task_id", "job_tasks", ["task_id"])


def _measurements() -> None:
    op.create_table(
        "measurements",
        _required("session_id", sa.String(200)),
        _required("subject", sa.String(64)),
        _required("position", sa.Integer),
        _required("result", sa.Text),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name="fk_measurements_session_id"),
        sa.PrimaryKeyConstraint("session_id", "subject", name="pk_measurements"),
    )
    op.create_index("ix_measurements_subject", "measurements", ["subject"])


def _required(name: str, kind: Any, *more: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, *more, nullable=False)


def _time(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, server_default="0", nullable=False)


def _only(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}

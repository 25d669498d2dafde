"""Jobs, and what belongs to one."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    _idempotency_keys()
    _jobs()
    _workers()
    _documents()
    _events()
    _job_artifacts()


def _idempotency_keys() -> None:
    op.create_table(
        "idempotency_keys",
        _required("tenant", sa.String(200)),
        _required("key_digest", sa.String(64)),
        _required("request_digest", sa.String(64)),
        _required("job_id", sa.String(40)),
        _time("created_at_ms"),
        sa.PrimaryKeyConstraint("tenant", "key_digest", name="pk_idempotency_keys"),
    )


def _jobs() -> None:
    op.create_table(
        "jobs",
        _required("id", sa.String(40)),
        _required("tenant", sa.String(200)),
        _required("owner", sa.String(200)),
        _required("kind", sa.String(20)),
        _required("state", sa.String(20)),
        _required("name", sa.String(200)),
        _required("spec", sa.Text),
        _required("attempt", sa.Integer),
        _required("token", sa.String(32)),
        _required("worker", sa.String(200)),
        _time("lease_until_ms"),
        _required("progress", sa.BigInteger),
        _time("progress_at_ms"),
        _required("faults", sa.Text),
        _required("faults_without_progress", sa.Integer),
        _required("fault", sa.String(20)),
        _required("code", sa.String(60)),
        _required("message", sa.Text),
        _required("cancel_requested", sa.Boolean),
        _time("not_before_ms"),
        _time("created_at_ms"),
        _time("changed_at_ms"),
        _time("finished_at_ms"),
        _required("last_event", sa.Integer),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
    )
    op.create_index(
        "ix_jobs_claimable", "jobs", ["created_at_ms", "id", "not_before_ms"], **_only("state = 'queued'")
    )
    op.create_index("ix_jobs_listed", "jobs", ["tenant", "created_at_ms", "id"])
    op.create_index("ix_jobs_running", "jobs", ["id"], **_only("state = 'running'"))
    op.create_index("ix_jobs_waiting", "jobs", ["id"], **_only("state = 'waiting'"))


def _workers() -> None:
    op.create_table(
        "workers",
        _required("name", sa.String(200)),
        _required("token", sa.String(32)),
        _required("facts", sa.Text),
        _time("started_at_ms"),
        _time("lease_until_ms"),
        sa.PrimaryKeyConstraint("name", name="pk_workers"),
    )


def _documents() -> None:
    op.create_table(
        "documents",
        _required("job_id", sa.String(40)),
        _required("name", sa.String(200)),
        _required("content", sa.Text),
        _required("attempt", sa.Integer),
        _time("saved_at_ms"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_documents_job_id"),
        sa.PrimaryKeyConstraint("job_id", "name", name="pk_documents"),
    )


def _events() -> None:
    op.create_table(
        "events",
        _required("job_id", sa.String(40)),
        _required("id", sa.Integer),
        _required("attempt", sa.Integer),
        _required("kind", sa.String(40)),
        _required("data", sa.Text),
        _time("at_ms"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_events_job_id"),
        sa.PrimaryKeyConstraint("job_id", "id", name="pk_events"),
    )


def _job_artifacts() -> None:
    op.create_table(
        "job_artifacts",
        _required("job_id", sa.String(40)),
        _required("name", sa.String(200)),
        _required("digest", sa.String(64)),
        _required("attempt", sa.Integer),
        _time("saved_at_ms"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_job_artifacts_job_id"),
        sa.PrimaryKeyConstraint("job_id", "name", name="pk_job_artifacts"),
    )
    op.create_index("ix_job_artifacts_digest", "job_artifacts", ["digest"])


def _required(name: str, kind: Any, *more: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, *more, nullable=False)


def _time(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, server_default="0", nullable=False)


def _only(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}

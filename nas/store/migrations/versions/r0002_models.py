"""What jobs make: supernets, fronts, exports, data sets."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables."""
    _datasets()
    _supernets()
    _candidates()
    _checkpoints()
    _exports()
    _fronts()
    _subnets()


def _datasets() -> None:
    op.create_table(
        "datasets",
        _required("id", sa.String(40)),
        _required("tenant", sa.String(200)),
        _required("owner", sa.String(200)),
        _required("name", sa.String(200)),
        _required("spec", sa.Text),
        _required("state", sa.String(20)),
        _required("digest", sa.String(64)),
        _required("report", sa.Text),
        _required("job_id", sa.String(40)),
        _time("created_at_ms"),
        sa.PrimaryKeyConstraint("id", name="pk_datasets"),
        sa.UniqueConstraint("tenant", "name", name="uq_datasets_tenant_name"),
    )


def _supernets() -> None:
    op.create_table(
        "supernets",
        _required("id", sa.String(40)),
        _required("tenant", sa.String(200)),
        _required("owner", sa.String(200)),
        _required("space_digest", sa.String(64)),
        _required("dataset_digest", sa.String(64)),
        _required("recipe", sa.String(200)),
        _required("seed", sa.BigInteger),
        _required("epochs", sa.Integer),
        _required("weights", sa.String(64)),
        _required("summary", sa.Text),
        _time("created_at_ms"),
        _time("finished_at_ms"),
        sa.PrimaryKeyConstraint("id", name="pk_supernets"),
        sa.UniqueConstraint(
            "tenant", "space_digest", "dataset_digest", "recipe", "seed", "epochs", name="uq_supernets_key"
        ),
    )


def _candidates() -> None:
    op.create_table(
        "candidates",
        _required("job_id", sa.String(40)),
        _required("target", sa.Integer),
        _required("architecture_digest", sa.String(64)),
        _required("fidelity", sa.String(40)),
        _required("architecture", sa.Text),
        _required("values", sa.Text),
        _required("attempt", sa.Integer),
        _time("saved_at_ms"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_candidates_job_id"),
        sa.PrimaryKeyConstraint("job_id", "target", "architecture_digest", "fidelity", name="pk_candidates"),
    )


def _checkpoints() -> None:
    op.create_table(
        "checkpoints",
        _required("supernet_id", sa.String(40)),
        _required("epoch", sa.Integer),
        _required("artifacts", sa.Text),
        _required("seconds", sa.Float),
        _required("job_id", sa.String(40)),
        _required("attempt", sa.Integer),
        _time("saved_at_ms"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_checkpoints_job_id"),
        sa.ForeignKeyConstraint(["supernet_id"], ["supernets.id"], name="fk_checkpoints_supernet_id"),
        sa.PrimaryKeyConstraint("supernet_id", "epoch", name="pk_checkpoints"),
    )


def _exports() -> None:
    op.create_table(
        "exports",
        _required("id", sa.String(40)),
        _required("tenant", sa.String(200)),
        _required("owner", sa.String(200)),
        _required("job_id", sa.String(40)),
        _required("name", sa.String(200)),
        _required("format", sa.String(20)),
        _required("file", sa.String(64)),
        _required("card", sa.Text),
        _required("attempt", sa.Integer),
        _time("created_at_ms"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_exports_job_id"),
        sa.PrimaryKeyConstraint("id", name="pk_exports"),
        sa.UniqueConstraint("job_id", "name", "format", name="uq_exports_job_id_name_format"),
    )


def _fronts() -> None:
    op.create_table(
        "fronts",
        _required("job_id", sa.String(40)),
        _required("target", sa.Integer),
        _required("content", sa.Text),
        _required("attempt", sa.Integer),
        _time("saved_at_ms"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_fronts_job_id"),
        sa.PrimaryKeyConstraint("job_id", "target", name="pk_fronts"),
    )


def _subnets() -> None:
    op.create_table(
        "subnets",
        _required("id", sa.String(40)),
        _required("tenant", sa.String(200)),
        _required("owner", sa.String(200)),
        _required("supernet_id", sa.String(40)),
        _required("architecture_digest", sa.String(64)),
        _required("architecture", sa.Text),
        _required("weights", sa.String(64)),
        _time("created_at_ms"),
        sa.ForeignKeyConstraint(["supernet_id"], ["supernets.id"], name="fk_subnets_supernet_id"),
        sa.PrimaryKeyConstraint("id", name="pk_subnets"),
        sa.UniqueConstraint("tenant", "supernet_id", "architecture_digest", "weights", name="uq_subnets_key"),
    )


def _required(name: str, kind: Any, *more: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, *more, nullable=False)


def _time(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, server_default="0", nullable=False)

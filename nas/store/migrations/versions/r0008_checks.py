"""Checks of boards, sessions in doubt, the order in which a device measures, images that it scores."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_NEVER = str(2**53 - 1)


def upgrade() -> None:
    """Make the table and the columns."""
    op.create_table(
        "golden_checks",
        _required("device", sa.String(64)),
        _required("context", sa.String(64)),
        _required("number", sa.Integer),
        _required("sessions", sa.Integer),
        _required("verdict", sa.String(20)),
        _required("ratio", sa.Float),
        _required("doubted", sa.Integer),
        _required("why", sa.Text),
        _required("found", sa.Text),
        sa.Column("at_ms", sa.BigInteger, nullable=False, server_default="0"),
        sa.ForeignKeyConstraint(["device"], ["devices.digest"], name="fk_golden_checks_device"),
        sa.ForeignKeyConstraint(["context"], ["contexts.digest"], name="fk_golden_checks_context"),
        sa.PrimaryKeyConstraint("device", "context", "number", name="pk_golden_checks"),
    )
    _scores()
    _bundles()
    _tasks()


def _scores() -> None:
    op.create_table(
        "board_scores",
        _required("device", sa.String(64)),
        _required("context", sa.String(64)),
        _required("subject", sa.String(64)),
        _required("images", sa.String(64)),
        _required("classes", sa.Text),
        _required("worker", sa.String(200)),
        sa.Column("delivered_at_ms", sa.BigInteger, nullable=False, server_default="0"),
        sa.ForeignKeyConstraint(["device"], ["devices.digest"], name="fk_board_scores_device"),
        sa.ForeignKeyConstraint(["context"], ["contexts.digest"], name="fk_board_scores_context"),
        sa.PrimaryKeyConstraint("device", "context", "subject", "images", name="pk_board_scores"),
    )


def _bundles() -> None:
    op.create_table(
        "bundles",
        _required("id", sa.String(32)),
        _required("tenant", sa.String(200)),
        _required("name", sa.String(200)),
        _required("secret", sa.String(64)),
        _required("imported", sa.String(64)),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("id", name="pk_bundles"),
    )


def _tasks() -> None:
    op.add_column("sessions", sa.Column("doubt", sa.Text, nullable=False, server_default=""))
    for column in (
        sa.Column("rank", sa.Integer, nullable=False, server_default="5"),
        sa.Column("deadline_ms", sa.BigInteger, nullable=False, server_default=_NEVER),
        sa.Column("images", sa.String(64), nullable=False, server_default=""),
    ):
        op.add_column("measurement_tasks", column)
    op.drop_index("ix_measurement_tasks_pending", "measurement_tasks")
    pending = sa.text("state = 'pending'")
    op.create_index(
        "ix_measurement_tasks_pending",
        "measurement_tasks",
        ["device", "rank", "deadline_ms", "created_at_ms", "id"],
        sqlite_where=pending,
        postgresql_where=pending,
    )


def _required(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)

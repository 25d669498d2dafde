"""Counters for whoever watches, an index of parked jobs, digests of the log of changes, sizes of uploads."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the table, the index and the columns."""
    op.create_table(
        "counters",
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("label", sa.String(200), nullable=False),
        sa.Column("times", sa.BigInteger, nullable=False),
        sa.Column("total", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("name", "label", name="pk_counters"),
    )
    parked = sa.text("state = 'parked'")
    op.create_index("ix_jobs_parked", "jobs", ["id"], sqlite_where=parked, postgresql_where=parked)
    op.add_column("datasets", sa.Column("stored_bytes", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("audit", sa.Column("digest", sa.String(64), nullable=False, server_default=""))

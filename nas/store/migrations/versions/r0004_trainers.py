"""Who trains a supernet, and which jobs wait for that; the last fault of a job is one of its faults."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Change the columns; what is in training already has no trainer that anybody waits for."""
    op.add_column("jobs", sa.Column("awaited", sa.String(40), server_default="", nullable=False))
    op.add_column("supernets", sa.Column("job_id", sa.String(40), server_default="", nullable=False))
    op.add_column("supernets", sa.Column("attempt", sa.Integer, server_default="0", nullable=False))
    op.drop_column("jobs", "fault")

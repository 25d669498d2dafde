"""What the last faults of a board were of."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Make the column."""
    op.add_column("agents", sa.Column("faults", sa.Text, nullable=False, server_default="[]"))

"""Keys of boards that take the place of others."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Make the column."""
    op.add_column("keys", sa.Column("replaces", sa.String(16), nullable=False, server_default=""))

"""Troubles of boards that are counted: each once, however many came since."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Make the table, which takes the place of the last few."""
    op.create_table(
        "troubles",
        sa.Column("device", sa.String(64), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(["device"], ["devices.digest"], name="fk_troubles_device"),
        sa.PrimaryKeyConstraint("device", "digest", name="pk_troubles"),
    )
    op.drop_column("agents", "faults")

"""Lists of jobs in some state."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Make the index."""
    op.create_index("ix_jobs_by_state", "jobs", ["tenant", "kind", "state", "created_at_ms", "id"])

"""Keys of those who may ask, and what they changed."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "keys",
        _required("id", sa.String(16)),
        _required("tenant", sa.String(200)),
        _required("owner", sa.String(200)),
        _required("name", sa.String(200)),
        _required("secret_digest", sa.String(64)),
        _required("scopes", sa.Text),
        _time("created_at_ms"),
        _time("expires_at_ms"),
        _time("revoked_at_ms"),
        sa.PrimaryKeyConstraint("id", name="pk_keys"),
    )
    op.create_index("ix_keys_listed", "keys", ["tenant", "created_at_ms", "id"])
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer, autoincrement=True, nullable=False),
        _required("tenant", sa.String(200)),
        _required("owner", sa.String(200)),
        _required("key_id", sa.String(16)),
        _required("action", sa.String(80)),
        _required("subject", sa.Text),
        _required("request_id", sa.String(40)),
        _time("at_ms"),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_listed", "audit", ["tenant", "id"])


def _required(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _time(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, server_default="0")

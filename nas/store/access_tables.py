"""Tables of who may ask: keys, and what they changed."""

from sqlalchemy import Column, Index, Integer, String, Table, Text

from nas.store.columns import DIGEST, NAME, Json, at, whose
from nas.store.tables import METADATA

keys = Table(
    "keys",
    METADATA,
    # Public: it finds the row. The secret is not kept, only what it is checked against.
    Column("id", String(16), primary_key=True),
    *whose(),
    Column("name", NAME, nullable=False),
    Column("secret_digest", DIGEST, nullable=False),
    Column("scopes", Json, nullable=False),
    at("created_at_ms"),
    # 0 for never.
    at("expires_at_ms"),
    at("revoked_at_ms"),
    # Of a board: which key ends when the board registers with this one; empty for none.
    Column("replaces", String(16), nullable=False, server_default=""),
)
Index("ix_keys_listed", keys.c.tenant, keys.c.created_at_ms, keys.c.id)

audit = Table(
    "audit",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    *whose(),
    Column("key_id", String(16), nullable=False),
    Column("action", String(80), nullable=False),
    Column("subject", Text, nullable=False),
    Column("request_id", String(40), nullable=False),
    at("at_ms"),
    # SHA-256 of the row and of the digest before it; empty in rows from before there was one.
    Column("digest", DIGEST, nullable=False, server_default=""),
)
Index("ix_audit_listed", audit.c.tenant, audit.c.id)

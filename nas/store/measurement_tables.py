"""Tables of measuring: devices, contexts, the queue, what was measured, and what is derived from it."""

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from nas.measurement_tasks import NO_DEADLINE_MS
from nas.store.columns import DIGEST, NAME, Json, at, whose
from nas.store.tables import METADATA

devices = Table(
    "devices",
    METADATA,
    Column("digest", DIGEST, primary_key=True),
    *whose(),
    Column("label", NAME, nullable=False),
    Column("facts", Json, nullable=False),
    # Whoever measures on the unit holds its one lease.
    Column("lease_attempt", Integer, nullable=False),
    Column("lease_token", String(32), nullable=False),
    Column("lease_worker", NAME, nullable=False),
    at("lease_until_ms"),
    # How far that is, for whoever watches.
    Column("measured", Integer, nullable=False),
    Column("to_measure", Integer, nullable=False),
    at("created_at_ms"),
)

agents = Table(
    "agents",
    METADATA,
    Column("id", String(40), primary_key=True),
    *whose(),
    # What specifications call the device.
    Column("name", NAME, nullable=False),
    Column("device", ForeignKey("devices.digest"), nullable=False),
    # The one key that it may come with, and the one installation that it runs in.
    Column("key_id", String(16), nullable=False, unique=True),
    Column("instance", String(40), nullable=False),
    # What it told when it registered last: a document of `latency_predictors.agent_protocol`.
    Column("facts", Json, nullable=False),
    # Number of its last request for work: what comes late is told from what is new.
    Column("asked", BigInteger, nullable=False),
    # In a row; and why it gets no work, empty where it does.
    Column("failures", Integer, nullable=False),
    Column("quarantine", Text, nullable=False),
    at("registered_at_ms"),
    at("seen_at_ms"),
    UniqueConstraint("tenant", "name", name="uq_agents_name"),
)

troubles = Table(
    "troubles",
    METADATA,
    Column("device", ForeignKey("devices.digest")),
    # Of what kept it from measuring, or was refused of it: told again, it does not count again.
    Column("digest", DIGEST),
    PrimaryKeyConstraint("device", "digest", name="pk_troubles"),
)

job_devices = Table(
    "job_devices",
    METADATA,
    Column("job_id", ForeignKey("jobs.id")),
    # Of a device that nobody has registered yet.
    Column("name", NAME),
    PrimaryKeyConstraint("job_id", "name"),
)

contexts = Table(
    "contexts",
    METADATA,
    Column("digest", DIGEST, primary_key=True),
    Column("facts", Json, nullable=False),
    at("created_at_ms"),
)

measurement_tasks = Table(
    "measurement_tasks",
    METADATA,
    Column("id", String(40), primary_key=True),
    *whose(),
    Column("device", ForeignKey("devices.digest"), nullable=False),
    Column("context", ForeignKey("contexts.digest"), nullable=False),
    Column("protocol", DIGEST, nullable=False),
    Column("timing", Json, nullable=False),
    Column("subject", DIGEST, nullable=False),
    # The file that is measured.
    Column("artifact", DIGEST, nullable=False, index=True),
    Column("sessions", Integer, nullable=False),
    # pending, done, failed, unsupported
    Column("state", String(20), nullable=False),
    Column("code", String(60), nullable=False),
    Column("message", Text, nullable=False),
    # Of the file itself, not of its device; of a check, of either.
    Column("failures", Integer, nullable=False, server_default="0"),
    # What a device measures first: the lower rank, then the nearer deadline.
    Column("rank", Integer, nullable=False, server_default="5"),
    Column("deadline_ms", BigInteger, nullable=False, server_default=str(NO_DEADLINE_MS)),
    # Images that the file is to be scored on; empty where it is to be timed.
    Column("images", DIGEST, nullable=False, server_default=""),
    at("created_at_ms"),
    at("changed_at_ms"),
    UniqueConstraint("device", "context", "protocol", "subject", name="uq_measurement_tasks_key"),
)
_PENDING = text("state = 'pending'")
Index(
    "ix_measurement_tasks_pending",
    measurement_tasks.c.device,
    measurement_tasks.c.rank,
    measurement_tasks.c.deadline_ms,
    measurement_tasks.c.created_at_ms,
    measurement_tasks.c.id,
    sqlite_where=_PENDING,
    postgresql_where=_PENDING,
)

job_tasks = Table(
    "job_tasks",
    METADATA,
    Column("job_id", ForeignKey("jobs.id")),
    Column("task_id", ForeignKey("measurement_tasks.id"), index=True),
    PrimaryKeyConstraint("job_id", "task_id"),
)

sessions = Table(
    "sessions",
    METADATA,
    Column("id", NAME, primary_key=True),
    Column("device", ForeignKey("devices.digest"), nullable=False),
    Column("context", ForeignKey("contexts.digest"), nullable=False),
    Column("protocol", DIGEST, nullable=False),
    # Everything of the session but its results.
    Column("content", Json, nullable=False),
    Column("worker", NAME, nullable=False),
    Column("number", Integer, nullable=False),
    # Why nothing of it can be trusted (see `golden_store`); empty where nothing speaks against it.
    Column("doubt", Text, nullable=False, server_default=""),
    at("delivered_at_ms"),
    UniqueConstraint("device", "context", "number"),
)

golden_checks = Table(
    "golden_checks",
    METADATA,
    Column("device", ForeignKey("devices.digest")),
    Column("context", ForeignKey("contexts.digest")),
    Column("number", Integer),
    # The last session that it looked at.
    Column("sessions", Integer, nullable=False),
    # good, drifted, settled; and the time of the subject that moved most, over that of the last good check.
    Column("verdict", String(20), nullable=False),
    Column("ratio", Float, nullable=False),
    # Results that are suspect since.
    Column("doubted", Integer, nullable=False),
    # What it was made for, in words.
    Column("why", Text, nullable=False),
    # Milliseconds by subject.
    Column("found", Json, nullable=False),
    at("at_ms"),
    PrimaryKeyConstraint("device", "context", "number"),
)

measurements = Table(
    "measurements",
    METADATA,
    Column("session_id", ForeignKey("sessions.id")),
    Column("subject", DIGEST, index=True),
    # Place in the order of measuring.
    Column("position", Integer, nullable=False),
    Column("result", Json, nullable=False),
    PrimaryKeyConstraint("session_id", "subject"),
)

board_scores = Table(
    "board_scores",
    METADATA,
    Column("device", ForeignKey("devices.digest")),
    Column("context", ForeignKey("contexts.digest")),
    Column("subject", DIGEST),
    Column("images", DIGEST),
    # The class that the file named, one an image.
    Column("classes", Json, nullable=False),
    Column("worker", NAME, nullable=False),
    at("delivered_at_ms"),
    PrimaryKeyConstraint("device", "context", "subject", "images"),
)

bundles = Table(
    "bundles",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("tenant", NAME, nullable=False),
    # Of the board that it was made for, and what its answer is signed with.
    Column("name", NAME, nullable=False),
    Column("secret", String(64), nullable=False),
    # SHA-256 of the last answer that was taken.
    Column("imported", String(64), nullable=False),
    at("created_at_ms"),
)

lookup_tables = Table(
    "lookup_tables",
    METADATA,
    Column("device", ForeignKey("devices.digest")),
    Column("context", ForeignKey("contexts.digest")),
    Column("version", Integer),
    # The table's own digest, and the file that holds it.
    Column("artifact", DIGEST, nullable=False, index=True),
    Column("num_entries", Integer, nullable=False),
    Column("job_id", ForeignKey("jobs.id"), nullable=False),
    Column("attempt", Integer, nullable=False),
    at("created_at_ms"),
    PrimaryKeyConstraint("device", "context", "version"),
)

corrections = Table(
    "corrections",
    METADATA,
    Column("device", ForeignKey("devices.digest")),
    Column("context", ForeignKey("contexts.digest")),
    Column("space_digest", DIGEST),
    Column("version", Integer),
    Column("content", Json, nullable=False),
    Column("report", Json, nullable=False),
    Column("job_id", ForeignKey("jobs.id"), nullable=False),
    Column("attempt", Integer, nullable=False),
    at("created_at_ms"),
    PrimaryKeyConstraint("device", "context", "space_digest", "version"),
)

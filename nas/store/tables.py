"""Tables of jobs and of what belongs to one: facets, events, documents, artifacts; and of who runs them.

`model_tables` and `measurement_tables` hold the rest of the schema. Rows of jobs stay narrow, because claims
and renewals rewrite them; specifications and history stand beside them.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    text,
)

from nas.store.columns import DIGEST, NAME, Json, at, whose

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

jobs = Table(
    "jobs",
    METADATA,
    Column("id", String(40), primary_key=True),
    *whose(),
    Column("kind", String(20), nullable=False),
    Column("state", String(20), nullable=False),
    Column("name", NAME, nullable=False),
    Column("spec", Json, nullable=False),
    # The claim: attempt and token are what every write of a running job is checked against.
    Column("attempt", Integer, nullable=False),
    Column("token", String(32), nullable=False),
    Column("worker", NAME, nullable=False),
    at("lease_until_ms"),
    # The watermark, and when it last rose.
    Column("progress", BigInteger, nullable=False),
    at("progress_at_ms"),
    Column("faults", Json, nullable=False),
    Column("faults_without_progress", Integer, nullable=False),
    Column("code", String(60), nullable=False),
    Column("message", Text, nullable=False),
    Column("cancel_requested", Boolean, nullable=False),
    # The supernet whose training by another job it waits for; empty where it waits for measurements, or not.
    Column("awaited", String(40), nullable=False, server_default=""),
    at("not_before_ms"),
    at("created_at_ms"),
    at("changed_at_ms"),
    at("finished_at_ms"),
    Column("last_event", Integer, nullable=False),
)
Index("ix_jobs_listed", jobs.c.tenant, jobs.c.created_at_ms, jobs.c.id)
Index("ix_jobs_by_state", jobs.c.tenant, jobs.c.kind, jobs.c.state, jobs.c.created_at_ms, jobs.c.id)
# Partial, so that finished jobs cost nothing, and without a column that a renewal changes: renewing then
# moves no entry of an index.
_QUEUED, _RUNNING, _WAITING, _PARKED = (
    text(f"state = '{name}'") for name in ("queued", "running", "waiting", "parked")
)
Index(
    "ix_jobs_claimable",
    jobs.c.created_at_ms,
    jobs.c.id,
    jobs.c.not_before_ms,
    sqlite_where=_QUEUED,
    postgresql_where=_QUEUED,
)
Index("ix_jobs_running", jobs.c.id, sqlite_where=_RUNNING, postgresql_where=_RUNNING)
Index("ix_jobs_waiting", jobs.c.id, sqlite_where=_WAITING, postgresql_where=_WAITING)
Index("ix_jobs_parked", jobs.c.id, sqlite_where=_PARKED, postgresql_where=_PARKED)

job_facets = Table(
    "job_facets",
    METADATA,
    Column("job_id", ForeignKey("jobs.id")),
    # `device` or `space`: what a search is for.
    Column("name", String(20)),
    Column("value", NAME),
    Column("tenant", NAME, nullable=False),
    # That of the job, so that lists walk an index.
    at("created_at_ms"),
    PrimaryKeyConstraint("job_id", "name", "value"),
)
Index(
    "ix_job_facets_listed",
    job_facets.c.tenant,
    job_facets.c.name,
    job_facets.c.value,
    job_facets.c.created_at_ms,
    job_facets.c.job_id,
)

idempotency_keys = Table(
    "idempotency_keys",
    METADATA,
    Column("tenant", NAME),
    Column("key_digest", DIGEST),  # of the key with its owner
    Column("request_digest", DIGEST, nullable=False),
    # No foreign key: the key is taken before its job is made, so that only one of two at once makes one.
    Column("job_id", String(40), nullable=False),
    at("created_at_ms"),
    PrimaryKeyConstraint("tenant", "key_digest"),
)

events = Table(
    "events",
    METADATA,
    Column("job_id", ForeignKey("jobs.id")),
    Column("id", Integer),
    Column("attempt", Integer, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("data", Json, nullable=False),
    at("at_ms"),
    PrimaryKeyConstraint("job_id", "id"),
)

documents = Table(
    "documents",
    METADATA,
    Column("job_id", ForeignKey("jobs.id")),
    Column("name", NAME),
    Column("content", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    at("saved_at_ms"),
    PrimaryKeyConstraint("job_id", "name"),
)

job_artifacts = Table(
    "job_artifacts",
    METADATA,
    Column("job_id", ForeignKey("jobs.id")),
    Column("name", NAME),
    Column("digest", DIGEST, nullable=False, index=True),
    Column("attempt", Integer, nullable=False),
    at("saved_at_ms"),
    PrimaryKeyConstraint("job_id", "name"),
)

workers = Table(
    "workers",
    METADATA,
    Column("name", NAME, primary_key=True),
    Column("token", String(32), nullable=False),
    Column("facts", Json, nullable=False),
    at("started_at_ms"),
    at("lease_until_ms"),
)

counters = Table(
    "counters",
    METADATA,
    Column("name", NAME),
    Column("label", NAME),
    Column("times", BigInteger, nullable=False),
    Column("total", Float, nullable=False),
    PrimaryKeyConstraint("name", "label"),
)

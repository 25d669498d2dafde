"""Tables of what jobs make: supernets, checkpoints, subnets, candidates, fronts, exports, data sets."""

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
)

from nas.store.columns import DIGEST, NAME, Json, at, whose
from nas.store.tables import METADATA

supernets = Table(
    "supernets",
    METADATA,
    Column("id", String(40), primary_key=True),
    *whose(),
    Column("space_digest", DIGEST, nullable=False),
    Column("dataset_digest", DIGEST, nullable=False),
    Column("recipe", NAME, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("epochs", Integer, nullable=False),
    # Empty until training has finished.
    Column("weights", DIGEST, nullable=False),
    Column("summary", Json, nullable=False),
    # Who trains it, or did last: the attempt of a job, which is at it as long as that attempt runs.
    Column("job_id", String(40), nullable=False, server_default=""),
    Column("attempt", Integer, nullable=False, server_default="0"),
    at("created_at_ms"),
    at("finished_at_ms"),
    UniqueConstraint(
        "tenant", "space_digest", "dataset_digest", "recipe", "seed", "epochs", name="uq_supernets_key"
    ),
)
Index("ix_supernets_listed", supernets.c.tenant, supernets.c.created_at_ms, supernets.c.id)

checkpoints = Table(
    "checkpoints",
    METADATA,
    Column("supernet_id", ForeignKey("supernets.id")),
    Column("epoch", Integer),
    # Digest of each file, by its name.
    Column("artifacts", Json, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("job_id", ForeignKey("jobs.id"), nullable=False),
    Column("attempt", Integer, nullable=False),
    at("saved_at_ms"),
    PrimaryKeyConstraint("supernet_id", "epoch"),
)

subnets = Table(
    "subnets",
    METADATA,
    Column("id", String(40), primary_key=True),
    *whose(),
    Column("supernet_id", ForeignKey("supernets.id"), nullable=False),
    Column("architecture_digest", DIGEST, nullable=False),
    Column("architecture", Json, nullable=False),
    # Of the weights: empty where they are the supernet's.
    Column("weights", DIGEST, nullable=False),
    at("created_at_ms"),
    UniqueConstraint("tenant", "supernet_id", "architecture_digest", "weights", name="uq_subnets_key"),
)

candidates = Table(
    "candidates",
    METADATA,
    Column("job_id", ForeignKey("jobs.id")),
    Column("target", Integer),
    Column("architecture_digest", DIGEST),
    # What was done to find the values: `predicted`, `verified`, ...
    Column("fidelity", String(40)),
    Column("architecture", Json, nullable=False),
    Column("values", Json, nullable=False),
    Column("attempt", Integer, nullable=False),
    at("saved_at_ms"),
    PrimaryKeyConstraint("job_id", "target", "architecture_digest", "fidelity"),
)

fronts = Table(
    "fronts",
    METADATA,
    Column("job_id", ForeignKey("jobs.id")),
    Column("target", Integer),
    Column("content", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    at("saved_at_ms"),
    PrimaryKeyConstraint("job_id", "target"),
)

exports = Table(
    "exports",
    METADATA,
    Column("id", String(40), primary_key=True),
    *whose(),
    Column("job_id", ForeignKey("jobs.id"), nullable=False),
    Column("name", NAME, nullable=False),
    Column("format", String(20), nullable=False),
    Column("file", DIGEST, nullable=False),
    Column("card", Json, nullable=False),
    Column("attempt", Integer, nullable=False),
    at("created_at_ms"),
    UniqueConstraint("job_id", "name", "format"),
)

datasets = Table(
    "datasets",
    METADATA,
    Column("id", String(40), primary_key=True),
    *whose(),
    Column("name", NAME, nullable=False),
    Column("spec", Json, nullable=False),
    # checking, ready, rejected
    Column("state", String(20), nullable=False),
    Column("digest", DIGEST, nullable=False),
    Column("report", Json, nullable=False),
    # No foreign key: the name is taken before the job that checks the data set is made.
    Column("job_id", String(40), nullable=False),
    # Of what was uploaded; 0 where the data stay where they are.
    Column("stored_bytes", BigInteger, nullable=False, server_default="0"),
    at("created_at_ms"),
    UniqueConstraint("tenant", "name"),
)

"""Idempotency keys: the same key with the same request of the same owner is the same job."""

from sqlalchemy import Connection, select

from nas.job_records import JobRequest
from nas.store.columns import now_ms
from nas.store.inserts import insert_new
from nas.store.tables import idempotency_keys
from search_spaces.digests import sha256_json
from search_spaces.errors import UsageError


def known_job(connection: Connection, tenant: str, request: JobRequest, key: str, job_id: str) -> str | None:
    """Note the key for a new job; return the job that it stands for already, if there is one.

    Whoever comes while the first with that key is still being answered waits for it, and then finds its job
    (`docs/decisions/0016-idempotency-keys-belong-to-owners.md`).

    Args:
        connection: In a transaction that may write, in which the job is made too.
        tenant: Whose.
        request: Its owner is whose key this is: others of the tenant may use the same.
        key: As it was sent.
        job_id: Of the new job.

    Raises:
        UsageError: `idempotency_conflict`.
    """
    key_digest = sha256_json({"owner": request.owner, "key": key})
    request_digest = sha256_json(
        {"kind": request.kind, "spec": dict(request.spec), "name": request.name, "owner": request.owner}
    )
    row = {"tenant": tenant, "key_digest": key_digest, "request_digest": request_digest, "job_id": job_id}
    if insert_new(connection, idempotency_keys, [{**row, "created_at_ms": now_ms()}]):
        return None
    query = select(idempotency_keys).where(
        idempotency_keys.c.tenant == tenant, idempotency_keys.c.key_digest == key_digest
    )
    found = connection.execute(query).one()
    if found.request_digest != request_digest:
        raise UsageError(
            "idempotency_conflict",
            f"this key came with another request before (job {found.job_id}): use a new key",
        )
    return str(found.job_id)

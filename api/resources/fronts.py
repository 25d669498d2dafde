"""The verified front of a search, as clients get it."""

from typing import Any

from pydantic import BaseModel, ValidationError

from latency_predictors.latency_metric import Statistic
from nas.job_records import Job
from nas.jobs import TERMINAL, JobState
from nas.results import TargetResult, VerifiedNetwork
from nas.store.stores import Stores
from nas.store.subnets import subnet_id
from search_spaces.errors import ArtifactError, UsageError


class FrontResource(BaseModel):
    """The front for one target.

    Attributes:
        target: Counted from 1.
        device: What it was measured on.
        device_name: As the specification calls it.
        context: How it ran there.
        statistic: What is meant by latency there: the median or the 95th percentile of inferences.
        pause_ms: Rest before each inference; 0 where they follow each other.
        limits: Upper limits that were asked for, by cost.
        table: How the lookup table was made and how good it is.
        networks: The published points, by latency: measured, with what was predicted beside it.
        dominated: What was verified and is worse than another.
        subnets: Identifiers of the networks, by name: `/v1/subnets/{id}` tells more and makes files, for this
            target with `?target=`: others may have verified the same network, as another file.
        links: Of the exported files, by network.
    """

    search: str
    target: int
    device: str
    device_name: str
    context: str
    statistic: Statistic
    pause_ms: float
    limits: dict[str, float]
    table: dict[str, Any]
    networks: tuple[VerifiedNetwork, ...]
    dominated: tuple[VerifiedNetwork, ...]
    num_evaluated: int
    subnets: dict[str, str]
    links: dict[str, str]


def front_resource(stores: Stores, job: Job, target: int, root: str) -> FrontResource:
    """Return the front of a search for a target, counted from 1.

    Raises:
        UsageError: `unknown_target`, or `search_not_finished` where it has no front yet.
        ArtifactError: `damaged_file`.
    """
    content = stores.fronts.front(job.tenant, job.id, target - 1)
    if content is None:
        raise no_front(job, target)
    try:
        found = TargetResult.model_validate_json(content)
    except ValidationError as error:
        raise ArtifactError("damaged_file", f"the front of search {job.id} cannot be read") from error
    networks, here = found.front, f"{root}/v1/searches/{job.id}"
    return FrontResource(
        search=job.id,
        target=target,
        device=found.device_label,
        device_name=found.device_name,
        context=found.context_label,
        statistic=found.metric.statistic,
        pause_ms=found.metric.pause_ms,
        limits=found.limits,
        table=found.table.model_dump(mode="json"),
        networks=networks,
        dominated=tuple(network for network in found.networks if network.status != "front"),
        num_evaluated=found.num_evaluated,
        subnets={one.name: subnet_id(job.id, one.name) for one in found.networks},
        links={one.name: f"{here}/networks/{one.name}/file?target={target}" for one in networks},
    )


def no_front(job: Job, target: int) -> UsageError:
    """Return why a search has no front for a target that it has, counted from 1.

    One that went on without devices has fronts for the others, one after the other.

    Raises:
        UsageError: `unknown_target` where it has no such target.
    """
    check_target(job, target)
    if job.state is JobState.SUCCEEDED:
        return UsageError(
            "unknown_target", f"search {job.id} has no front {target}: its events tell what it left out"
        )
    if job.state in TERMINAL:
        why = f": {job.message}" if job.message else ""
        said = f"search {job.id} ended before it had a front, as {job.state}{why}"
    else:
        said = f"search {job.id} is {job.state}: it has a front once its networks are verified"
    return UsageError("search_not_finished", said)


def check_target(job: Job, target: int) -> None:
    """Check that a search has a target, counted from 1.

    Raises:
        UsageError: `unknown_target`.
    """
    targets = job.spec.get("targets", [])
    count = len(targets) if isinstance(targets, list) else 0
    if target > count:
        raise UsageError("unknown_target", f"search {job.id} has targets 1 to {count}, no {target}")

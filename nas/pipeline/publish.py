"""What a finished search publishes beside its result: candidates, subnets, fronts and exports, row by row.

They are derived from the result and can be asked for one by one; publishing again changes nothing.
"""

from nas.pipeline.context import PhaseContext
from nas.pipeline.finetune import NAME as FINETUNE
from nas.pipeline.finetune import FinetuneDocument
from nas.pipeline.train import NAME as TRAIN
from nas.pipeline.train import TrainDocument
from nas.publication import known_objectives, measured_value
from nas.results import SearchResult, TargetResult, VerifiedNetwork
from nas.store.front_store import StoredCandidate

FORMAT = "onnx"


def publish(ctx: PhaseContext, result: SearchResult) -> None:
    """Write the rows of a result.

    Raises:
        ArtifactError: `result_conflict` where other rows of this search are there already.
        LeaseLost: The job is another's.
    """
    for number, target in enumerate(result.targets):
        _publish_target(ctx, number, target)
    for delivery in result.deliveries:
        networks = result.targets[delivery.target].networks
        network = next(one for one in networks if one.name == delivery.name)
        name = delivery.folder.rpartition("/")[2]
        card = {"why": delivery.why, "target": delivery.target, "architecture": network.architecture_digest}
        ctx.stores.fronts.add_export(ctx.run.lease, name, FORMAT, network.file_sha256, card)


def _publish_target(ctx: PhaseContext, number: int, target: TargetResult) -> None:
    store, lease = ctx.stores.fronts, ctx.run.lease
    supernet = ctx.run.load(TRAIN, TrainDocument).id
    own_weights = ctx.run.load(FINETUNE, FinetuneDocument).weights
    store.add_candidates(lease, [_candidate(number, network) for network in target.networks])
    for network in target.front:
        weights = own_weights.get(network.architecture_digest, "") if network.finetune_epochs else ""
        store.add_subnet(lease, supernet, network.architecture_digest, network.architecture, weights)
    store.save_front(lease, number, target.model_dump_json())


def _candidate(number: int, network: VerifiedNetwork) -> StoredCandidate:
    return StoredCandidate(
        target=number,
        architecture_digest=network.architecture_digest,
        fidelity="tuned" if network.finetune_epochs else "verified",
        architecture=network.architecture,
        values={
            **{name: measured_value(network, name) for name in known_objectives([network])},
            "latency_suspect": network.latency.suspect,
        },
    )

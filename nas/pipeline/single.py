"""Jobs on one network of an earlier search: exporting it in another precision, training it on.

The network, its weights and its images are those of that search. What is made is checked against torch,
scored on the images that its accuracy was published of and measured on the same device before anybody gets
it: what is said of a file is true of that file.
"""

from dataclasses import asdict
from typing import Final, TypeVar

from pydantic import ValidationError

from latency_predictors.agent_protocol import HOST
from latency_predictors.device import Device
from nas.jobs import Waiting
from nas.network_specs import MADE, FileJobSpec, MadeNetwork, TuneJobSpec
from nas.pipeline.answers import confirm_of, part_of
from nas.pipeline.context import Done, PhaseContext, PhaseEnd, Surroundings
from nas.pipeline.costs import network_arena
from nas.pipeline.energy_model import ENERGY, energy_of
from nas.pipeline.images import prepare_images
from nas.pipeline.measured_files import latency_of, measure_file
from nas.pipeline.networks import (
    Exported,
    Named,
    accuracies,
    export_single,
    exported_once,
    shape_costs,
)
from nas.pipeline.runner import open_search, phase_context
from nas.pipeline.sites import metric_site, site_of, target_site
from nas.pipeline.train import NAME as TRAIN
from nas.pipeline.train import TrainDocument
from nas.pipeline.trained import find_trained, training_key
from nas.pipeline.training import Place, train_to_end
from nas.pipeline.versions import versions
from nas.publication import keeps_limits
from nas.results import TargetResult, VerifiedNetwork
from nas.specs import Precision, Spec
from nas.store.job_run import JobRun
from nas.store.subnets import Subnet, find_subnet
from nas.task_events import TensorFiles
from nas.tasks import Network, StockNetwork, TunedSubnet, WholeSpace
from nas.workplace import network_space
from search_spaces.base import Architecture, architecture_from_values
from search_spaces.errors import ArtifactError, DataError, MeasurementError, UsageError
from search_spaces.network import fixed_space

MAKE: Final = "make"
MEASURE: Final = "measure"
TUNE: Final = "finetune"

_FORMAT: Final = "onnx"

Asked = TypeVar("Asked", bound=Spec)


def run_export(run: JobRun, around: Surroundings) -> PhaseEnd:
    """Make a file of a subnet, or take the one that its search has verified; it is delivered as an export.

    Raises:
        UsageError: `outdated_spec`, `unknown_subnet`, `unknown_target`, `not_quantisable`.
        DataError: `data_changed`.
        MeasurementError: `context_mismatch` where another device has measured it.
        LeaseLost: The job is another's.
    """
    spec = _asked(run, FileJobSpec)
    subnet = find_subnet(around.stores, run.lease.tenant, spec.subnet, spec.target)
    precision = spec.precision or subnet.target.target.context.precision
    if precision == subnet.target.target.context.precision:
        run.network_path(subnet.network.file_sha256)  # it is there, and what it was
        return _deliver(run, around, subnet, subnet.network, subnet.target, "asked for by name")
    ctx = _opened(run, around, subnet)
    network, weights, architecture = _trained(ctx, subnet)
    ctx.progress.step(MAKE, 0, 1, f"exporting {subnet.network.name} in {precision}")
    exported = _exported(ctx, network, weights, precision, architecture)
    target = _target(ctx, subnet, precision)
    made = _measured(ctx, subnet, exported, target)
    if made is None:
        return Waiting()
    return _deliver(run, around, subnet, made, target, f"exported in {precision}")


def run_finetune(run: JobRun, around: Surroundings) -> PhaseEnd:
    """Train a subnet on, on its own; export, score and measure it as it is then.

    Raises:
        UsageError: As `run_export`; `not_a_subnet` for a stock network.
        DataError: `data_changed`.
        MeasurementError: `context_mismatch`.
        LeaseLost: The job is another's.
    """
    spec = _asked(run, TuneJobSpec)
    subnet = find_subnet(around.stores, run.lease.tenant, spec.subnet, spec.target)
    if subnet.network.origin != "search":
        raise UsageError("not_a_subnet", f"{subnet.network.name} is a stock network: it has no supernet")
    ctx = _opened(run, around, subnet)
    architecture = architecture_from_values(ctx.space, subnet.network.architecture)
    network = TunedSubnet(architecture, subnet.search.load(TRAIN, TrainDocument).weights)
    prepare_images(ctx, fixed_space(ctx.space, architecture))
    trained = train_to_end(ctx, network, spec.epochs, Place(TUNE, note=f"training {subnet.network.name} on"))
    if isinstance(trained, Waiting):
        return trained
    precision = subnet.target.target.context.precision
    exported = _exported(ctx, network, trained.weights, precision)
    target = _target(ctx, subnet, precision)
    made = _measured(ctx, subnet, exported, target)
    if made is None:
        return Waiting()
    inherited = subnet.network.inherited_accuracy or subnet.network.accuracy
    tuned = made.model_copy(update={"inherited_accuracy": inherited, "finetune_epochs": spec.epochs})
    why = f"trained on for {spec.epochs} epochs"
    return _deliver(run, around, subnet, tuned, target, why, trained.weights)


def _asked(run: JobRun, model: type[Asked]) -> Asked:
    try:
        return model.model_validate(run.document())
    except ValidationError as error:
        raise UsageError(
            "outdated_spec",
            f"the specification of job {run.id} is not valid for this version of hwnas: submit the job again",
        ) from error


def _opened(run: JobRun, around: Surroundings, subnet: Subnet) -> PhaseContext:
    """Return the search of a subnet as a context in which this job works, on the device that measured it."""
    facts = subnet.target.device
    device = Device(**{**facts, "cpu_features": tuple(facts["cpu_features"])})
    if subnet.target.target.device == HOST:
        run.bind(device.digest)
    asked = subnet.target.target
    here = site_of(around.stores, run.lease.tenant, asked.device, asked.context).device
    if device != here:
        raise MeasurementError(
            "context_mismatch",
            f"{subnet.network.name} was measured on {subnet.target.device_label}, and this is "
            f"{here.label}: a worker there, or the board that has measured it, has to take the job",
        )
    ctx = phase_context(open_search(subnet.search.spec(), around), run)
    if ctx.dataset.digest != subnet.result.dataset_digest:
        raise DataError(
            "data_changed",
            f"the images of search {subnet.search.id} are no longer those it was made with: bring them back, "
            "or search again",
        )
    return ctx


def _trained(ctx: PhaseContext, subnet: Subnet) -> tuple[Network, TensorFiles, Architecture]:
    """Return what a network was trained as, its weights, and which subnet of these it is."""
    if subnet.network.origin == "reference":
        name = next(one for one in ctx.spec.references if one == subnet.network.stock)
        stock, training = StockNetwork(name), subnet.network.training
        assert training is not None, "stock networks say how they were trained"
        return stock, _kept(ctx, stock, training.epochs), ()
    architecture = architecture_from_values(ctx.space, subnet.network.architecture)
    supernet = subnet.search.load(TRAIN, TrainDocument).weights
    tuned = TunedSubnet(architecture, supernet)
    if subnet.weights is not None:
        return tuned, subnet.weights, ()
    if subnet.network.finetune_epochs:
        return tuned, _kept(ctx, tuned, subnet.network.finetune_epochs), ()
    return WholeSpace(), supernet, architecture


def _kept(ctx: PhaseContext, network: Network, epochs: int) -> TensorFiles:
    found = find_trained(ctx, training_key(ctx, network), epochs)
    if found is None:
        raise ArtifactError("artifact_missing", "the weights of this network are gone: search again")
    return found.weights


def _exported(
    ctx: PhaseContext,
    network: Network,
    weights: TensorFiles,
    precision: Precision,
    architecture: Architecture = (),
) -> Exported:
    """Return the network as it left torch: made once, however often the job comes back from waiting."""
    own = network_space(network, ctx.space, ctx.dataset)
    named = Named(own, architecture)
    if isinstance(network, TunedSubnet):
        named = Named(ctx.space, network.architecture)

    def export() -> list[Exported]:
        prepare_images(ctx, fixed_space(own, architecture))
        return [export_single(ctx, network, weights, precision, architecture)]

    (exported,) = exported_once(ctx, "exported", [named], export)
    ctx.progress.step(MAKE, 1, 1)
    return exported


def _target(ctx: PhaseContext, subnet: Subnet, precision: Precision) -> TargetResult:
    """Return the target of a subnet as it is in a precision now: figures say what they were measured with."""
    asked = subnet.target.target
    same = precision == asked.context.precision
    asked = asked.model_copy(update={"context": asked.context.model_copy(update={"precision": precision})})
    known = metric_site(target_site(ctx, asked), asked.latency.metric).context
    return subnet.target.model_copy(
        update={
            "target": asked,
            "context": asdict(known),
            "context_label": known.label,
            "shift": subnet.target.shift if same else None,
        }
    )


def _measured(
    ctx: PhaseContext, subnet: Subnet, exported: Exported, target: TargetResult
) -> VerifiedNetwork | None:
    """Return the network with what was found of its new file; None while that is measured."""
    ctx.progress.step(MEASURE, 0, 1, f"measuring {subnet.network.name}")
    site, metric = target_site(ctx, target.target), target.target.latency.metric
    wanted = ENERGY in ctx.spec.wanted(target.target)
    measured = measure_file(ctx, site, metric, exported.file_sha256, energy=wanted)
    if measured is None:
        return None
    latency, energy = measured
    folds = ctx.dataset.folds
    made = subnet.network.model_copy(
        update={
            "file_sha256": exported.file_sha256,
            "file_bytes": exported.file_bytes,
            "max_difference": exported.max_difference,
            "fp32_accuracy": None,
            **accuracies(exported, confirm_of(folds), part_of(folds)),
            "latency": latency_of(latency),
            "energy": None if energy is None else energy_of(energy),
            **shape_costs(exported, site.context.batch, site.context.precision),
            "arena_bytes": network_arena(exported.space, exported.architecture, site),
            # What was believed, compared and scored of another file.
            "predicted_accuracy": None,
            "predicted_latency": None,
            "predicted_energy": None,
            "tied_with": (),
            "test_accuracy": None,
            "sustained": None,
            "agreement": None,
            "board": None,
            "arena_read_bytes": None,
        }
    )
    limits = {str(name): limit for name, limit in target.target.limits.items()}
    status = "dominated" if keeps_limits(made, limits) else "over_limit"
    return made.model_copy(update={"status": status})


def _deliver(
    run: JobRun,
    around: Surroundings,
    subnet: Subnet,
    network: VerifiedNetwork,
    target: TargetResult,
    why: str,
    weights: TensorFiles | None = None,
) -> Done:
    """Keep what was made, and the file of it as an export."""
    own = weights or subnet.weights
    made = MadeNetwork(
        search=subnet.search.id,
        number=subnet.number,
        target=target.model_copy(update={"networks": (network,), "cloud": ()}),
        network=network,
        why=why,
        supernet=subnet.result.supernet,
        versions=versions(),
        tensors=own.tensors if own else "",
        manifest=own.manifest if own else "",
    )
    run.save(MADE, made)
    card = {"why": why, "target": subnet.number, "architecture": network.architecture_digest}
    around.stores.fronts.add_export(run.lease, network.name, _FORMAT, network.file_sha256, card)
    around.progress.step(MEASURE, 1, 1)
    return Done()

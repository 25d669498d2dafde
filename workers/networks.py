"""Jobs on single networks, watched to their end."""

from nas.job_records import JobRequest
from nas.jobs import JobKind, JobState
from nas.network_specs import MADE, MadeNetwork, TuneJobSpec
from nas.report.tuned import TunedNetwork
from nas.settings import Settings
from nas.store.network_names import named_subnet
from nas.store.stores import opened_stores
from nas.store.subnets import subnet_id
from workers.progress import shown_progress
from workers.searches import ended_otherwise, run_to_end, submit_once


def tune(settings: Settings, subnet: str, epochs: int, target: int | None = None) -> TunedNetwork:
    """Have a network trained on, by a worker that is alive or one that is started for it.

    Goes on with an unfinished job of the same network and epochs. Ctrl-C leaves it so.

    Args:
        settings: Where searches are.
        subnet: As `named_subnet` takes it.
        epochs: Passes over the training images.
        target: As which target of the search has verified it, counted from 1; None for the first that has.

    Raises:
        UsageError: As `named_subnet`.
        HwnasError: Whatever keeps it from its end.
    """
    with opened_stores(settings) as stores, shown_progress() as progress:
        found = named_subnet(stores, settings.tenant, subnet, target)
        asked = TuneJobSpec(subnet=found.id, target=found.number + 1, epochs=epochs)
        spec = asked.model_dump(mode="json")
        request = JobRequest(JobKind.FINETUNE, spec, found.network.name)
        job = run_to_end(submit_once(request, settings, stores, progress), settings, stores, progress)
        if job.state is not JobState.SUCCEEDED:
            raise ended_otherwise(job)
        made = stores.stored(job).load(MADE, MadeNetwork)
    return TunedNetwork(subnet=subnet_id(job.id, made.network.name), network=made.network)

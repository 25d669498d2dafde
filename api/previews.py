"""What a search would cost, before it is submitted."""

from api.resources.submissions import SubmittedSearch, resolved
from latency_predictors.agent_protocol import HOST
from latency_predictors.device import ExecutionContext, host_device
from latency_predictors.lookup_table import LookupTable
from nas.data.facts import DIGITS, ImageFacts, facts_of
from nas.data.shapes import open_shapes
from nas.data.spec import ShapesSpec
from nas.pipeline.preview import Asker, Preview, preview
from nas.pipeline.tables import known_table
from nas.specs import ContextSpec, TargetSpec
from nas.store.dataset_store import StoredDataset
from nas.store.stores import Stores
from search_spaces.errors import ArtifactError


def preview_of(stores: Stores, tenant: str, sent: SubmittedSearch) -> Preview:
    """Return what a search would cost, as far as that is known without a worker.

    Raises:
        UsageError: `unknown_dataset`, `dataset_not_ready`, `unknown_space`, `unknown_preset` or
            `invalid_spec`.
    """
    spec, found = resolved(stores, tenant, sent)

    def table_of(target: TargetSpec) -> LookupTable:
        if target.device == HOST:
            return likely_table(stores, target.context)
        return known_table(Asker(tenant, stores), target)

    return preview(Asker(tenant, stores), spec, _facts(sent, found), table_of)


def likely_table(stores: Stores, wanted: ContextSpec) -> LookupTable:
    """Return the table that a worker would go on from, an empty one where there is none.

    That of this machine, where it was measured in such a context; else the newest. The runtime's version is
    the worker's to say: the newest one that was measured stands for it.
    """
    facts, here = stores.tables.contexts(), host_device()
    fields = {**wanted.model_dump(), "pause_ms": 0.0}
    keys = [
        key
        for key in stores.tables.published()
        if all(facts[key.context][name] == value for name, value in fields.items())
    ]
    for key in sorted(keys, key=lambda one: (one.device == here.digest, one.created_at_ms), reverse=True):
        try:
            table = stores.tables.load(key.device, key.context)
        except ArtifactError:
            continue  # it is measured again by whoever needs it
        assert table is not None, "keys are those of tables"
        return table
    return LookupTable(device=here, context=ExecutionContext(**wanted.model_dump(), runtime_version=""))


def _facts(sent: SubmittedSearch, found: StoredDataset | None) -> ImageFacts:
    if found is not None:
        return facts_of(found.report)
    if isinstance(sent.dataset, ShapesSpec):
        return facts_of(open_shapes(sent.dataset).report.as_dict())
    return DIGITS

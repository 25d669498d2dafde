"""Tasks, sessions and tables for tests: invented values in the product's own types."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from latency_predictors.lookup_table import LookupTable, layer_key
from latency_predictors.measure import LAYER_PROTOCOL, TimingProtocol
from latency_predictors.protocol import SessionResult
from nas.measurement_tasks import MeasurementTask
from search_spaces.layers import ConvNormAct
from tests.latency_predictors.sessions import CONTEXT, DEVICE, session

LAYERS = tuple(ConvNormAct((3, 8, 8), 8 * scale, 3, 1, "relu") for scale in range(1, 5))
SUBJECTS = tuple(layer_key(spec) for spec in LAYERS)


def task_of(subject: str, timing: TimingProtocol = LAYER_PROTOCOL, sessions: int = 2) -> MeasurementTask:
    """A file to be measured on the device."""
    artifact = hashlib.sha256(subject.encode()).hexdigest()
    return MeasurementTask(DEVICE, CONTEXT, timing, subject, artifact, sessions)


TASKS = tuple(task_of(subject) for subject in SUBJECTS)


def measured(
    name: str, subjects: Sequence[str] = SUBJECTS, timing: TimingProtocol = LAYER_PROTOCOL, ms: float = 1.0
) -> SessionResult:
    """A session that measured subjects in that order."""
    found = session(name, {subject: ms + i / 8 for i, subject in enumerate(subjects)})
    return found.model_copy(update={"timing": timing})


def elsewhere(found: SessionResult) -> SessionResult:
    """The same session on another device."""
    return found.model_copy(update={"device": replace(DEVICE, num_cores=64)})


def table_of(*names: str, layers: Sequence[ConvNormAct] = LAYERS) -> LookupTable:
    """A table with a session of each name."""
    table = LookupTable(device=DEVICE, context=CONTEXT)
    subjects = [layer_key(spec) for spec in layers]
    return table.merged(layers, [measured(name, subjects) for name in names or ("s1",)])

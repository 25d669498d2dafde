"""Published latencies: 5,000 Once-for-All networks on 12 GPU contexts, as traces that can be replayed.

From HELP (Lee et al. 2021), MIT licence; `tests/data/help_ofa` has the arrays, their licence and
what they mean.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from latency_predictors.device import Device, ExecutionContext
from latency_predictors.replay import Trace
from search_spaces.base import FloatArray, IntArray, SearchSpace, architecture_digest
from search_spaces.catalogue import get_space
from search_spaces.sampling import as_architecture, canonical

FOLDER: Final = Path(__file__).resolve().parents[1] / "tests" / "data" / "help_ofa"
SOURCE: Final = "HELP, Lee et al. 2021, HayeonLee/HELP 45f70eb, data/ofa"
LICENCE: Final = "MIT, Copyright (c) 2024 HayeonLee"

_BLOCKS: Final = 4


@dataclass(frozen=True)
class Published:
    """Networks and their traces.

    Attributes:
        space: The space they belong to.
        archs: Canonical architectures, all distinct, (n, choices).
        digests: Of the architectures, in the same order.
        traces: By the name of the context, DEVICE_BATCH.
    """

    space: SearchSpace
    archs: IntArray
    digests: tuple[str, ...]
    traces: Mapping[str, Trace]

    def latency_ms(self, context: str) -> FloatArray:
        """Return what was published for a context, (n,)."""
        known = self.traces[context].latency_ms
        return np.array([known[digest] for digest in self.digests])


def published() -> Published:
    """Return the networks of the file; of equal ones the first."""
    space = get_space("mobilenet_v3", preset="imagenet", num_classes=1000, in_channels=3)
    with np.load(FOLDER / "ofa_mbv3_latency.npz", allow_pickle=False) as arrays:
        archs = architectures(space, arrays)
        latency_ms = arrays["latency_ms"].astype(np.float64)
        contexts = [str(name) for name in arrays["context"]]
    _, first = np.unique(archs, axis=0, return_index=True)
    kept = np.sort(first)
    digests = tuple(architecture_digest(space, as_architecture(row)) for row in archs[kept])
    traces = {
        name: _trace(name, dict(zip(digests, row[kept].tolist(), strict=True)))
        for name, row in zip(contexts, latency_ms, strict=True)
    }
    return Published(space, archs[kept], digests, traces)


def architectures(space: SearchSpace, arrays: Mapping[str, IntArray]) -> IntArray:
    """Return the canonical architectures that the file's arrays describe, (n, choices)."""
    columns: dict[str, IntArray] = {"resolution": arrays["resolution"]}
    for stage in range(arrays["depth"].shape[1]):
        columns[f"stage{stage + 1}.depth"] = arrays["depth"][:, stage]
        for block in range(_BLOCKS):
            name = f"stage{stage + 1}.block{block + 1}"
            columns[f"{name}.kernel"] = arrays["kernel_size"][:, _BLOCKS * stage + block]
            columns[f"{name}.expansion"] = arrays["expansion"][:, _BLOCKS * stage + block]
    indices = np.zeros((len(arrays["resolution"]), len(space.choices)), dtype=np.int64)
    for position, choice in enumerate(space.choices):
        if choice.name in columns:
            matches = columns[choice.name][:, np.newaxis] == np.array(choice.options)
            assert matches.any(axis=1).all(), f"a published network has no option of {choice.name}"
            indices[:, position] = matches.argmax(axis=1)
        else:
            assert len(choice.options) == 1, f"the file says nothing of {choice.name}"
    return canonical(space, indices)


def _trace(context: str, latency_ms: dict[str, float]) -> Trace:
    name, _, batch = context.rpartition("_")
    return Trace(
        source=SOURCE,
        licence=LICENCE,
        device=Device(
            cpu_model=f"GPU {name} (published)",
            cpu_features=(),
            num_cores=0,
            memory_gib=0,
            architecture="unknown",
            os="unknown",
        ),
        context=ExecutionContext("published", "HELP 45f70eb", batch=int(batch)),
        published_at="2021",
        latency_ms=latency_ms,
    )

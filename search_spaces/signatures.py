"""Layers from their signatures: the inverse of `LayerSpec.signature`."""

import json
from typing import Final

from search_spaces.layers import (
    ActConvNorm,
    AveragePool,
    BasicBlock,
    ConvNormAct,
    InvertedResidual,
    LayerSpec,
    NormAct,
    Normalize,
    PooledHead,
    ShuffleUnit,
)

KINDS: Final[dict[str, type[LayerSpec]]] = {
    kind.kind: kind
    for kind in (
        ActConvNorm,
        AveragePool,
        BasicBlock,
        ConvNormAct,
        InvertedResidual,
        NormAct,
        Normalize,
        PooledHead,
        ShuffleUnit,
    )
}
"""Every kind of layer, by its name in signatures."""


def layer_of(signature: str) -> LayerSpec | None:
    """Return the layer of a signature; None where it is of a kind that is not in `KINDS`.

    Args:
        signature: As a lookup table keeps it.
    """
    fields = json.loads(signature)
    kind = KINDS.get(fields.pop("kind"))
    if kind is None or fields.pop("v") != 1:
        return None
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
    return kind(**values)

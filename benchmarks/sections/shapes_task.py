"""The task that searches are compared on: synthetic images, as many as a comparison needs."""

from functools import lru_cache
from pathlib import Path
from typing import Final

from benchmarks.sections.lab import open_lab
from nas.pipeline.context import PhaseContext
from nas.specs import FinetuneSpec, SearchSpec, parse_spec

EPOCHS: Final = 130
"""Of the supernet, and of stand-alone networks where a number of epochs is compared: about 80 CPU-seconds."""

NUM_TRAIN: Final = 1_500
"""As many training images as people have of their own parts; few enough to be seen often in minutes."""

DIFFICULTY: Final = 0.3
"""Of the images, where nothing else is said."""


def long_spec(seed: int, epochs: int, *, quick: bool) -> SearchSpec:
    """Return the same search with another training, none of its networks trained on."""
    spec = shapes_spec(seed, quick=quick)
    supernet = spec.supernet.model_copy(update={"epochs": 2 if quick else epochs})
    return spec.model_copy(update={"supernet": supernet, "finetune": FinetuneSpec()})


def shapes_spec(seed: int, *, quick: bool, difficulty: float = DIFFICULTY) -> SearchSpec:
    """Return the search that is compared: its seed is that of training and search, never of the images."""
    return parse_spec(
        {
            "dataset": {
                "name": "shapes",
                "difficulty": difficulty,
                "num_train": 1_000 if quick else NUM_TRAIN,
                "num_validation": 2_000,
                "num_test": 2_000 if quick else 10_000,
            },
            "supernet": {"epochs": 2 if quick else EPOCHS},
            "verify": {"candidates": 8 if quick else 20},
            "finetune": {"share": 1.0, "points": 2 if quick else 6},
            "search": {"evaluations": 2_000 if quick else 20_000},
            "seed": seed,
        }
    )


def open_task(home: Path, spec: SearchSpec) -> PhaseContext:
    """Return the context of a search without starting it; images are drawn once a process."""
    return _open(home, spec.model_dump_json())


@lru_cache
def _open(home: Path, text: str) -> PhaseContext:
    return open_lab(home, SearchSpec.model_validate_json(text))

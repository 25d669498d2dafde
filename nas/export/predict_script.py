"""`predict.py` of a bundle: a program for strangers that sees images as the search saw them."""

import inspect
from typing import Final

from latency_predictors.device import ExecutionContext
from nas.data import decode
from nas.data.folder_listing import IMAGE_SUFFIXES, NOT_THE_USERS, leads_inside
from nas.export.classifier import BATCH_SIZE
from nas.export.rendering import render

_OPTIMISATION_LEVELS: Final = {
    "none": "ORT_DISABLE_ALL",
    "basic": "ORT_ENABLE_BASIC",
    "extended": "ORT_ENABLE_EXTENDED",
    "all": "ORT_ENABLE_ALL",
}


def predict_script(model_sha256: str, context: ExecutionContext) -> str:
    """Return the program's text.

    Args:
        model_sha256: Of `model.onnx`, which has to stand beside the program.
        context: How the network was scored, in ONNX Runtime.
    """
    return render(
        "predict.py.j2",
        model_sha256=model_sha256,
        context=context,
        optimisation_level=_OPTIMISATION_LEVELS[context.graph_optimisation],
        batch_size=BATCH_SIZE,
        image_suffixes=tuple(sorted(IMAGE_SUFFIXES)),
        not_the_users=tuple(sorted(NOT_THE_USERS)),
        link_source=inspect.getsource(leads_inside),
        decode_source=inspect.getsource(decode),
    )

"""`predict.py` of a bundle: a program for strangers that sees images as the search saw them."""

import inspect
from typing import Final

from nas.data import decode
from nas.data.folder_listing import IMAGE_SUFFIXES, NOT_THE_USERS, leads_inside
from nas.export.card import Card
from nas.export.classifier import BATCH_SIZE
from nas.export.rendering import render
from nas.report.words import latency_interval, latency_text

_OPTIMISATION_LEVELS: Final = {
    "none": "ORT_DISABLE_ALL",
    "basic": "ORT_ENABLE_BASIC",
    "extended": "ORT_ENABLE_EXTENDED",
    "all": "ORT_ENABLE_ALL",
}


def predict_script(card: Card) -> str:
    """Return the program's text: it runs the file of a card's network as it was scored, and timed."""
    context, latency = card.scored_in, card.network.latency
    where = f"{card.target.device_label}, {card.target.context_label}"
    metric = card.target.target.latency.metric
    return render(
        "predict.py.j2",
        model_sha256=card.network.file_sha256,
        context=context,
        timed_in=card.context,
        metric=metric,
        card_latency=f"{latency_text(latency)} ({latency_interval(latency)} ms), {metric.label}, on {where}",
        optimisation_level=_OPTIMISATION_LEVELS[context.graph_optimisation],
        batch_size=BATCH_SIZE,
        image_suffixes=tuple(sorted(IMAGE_SUFFIXES)),
        not_the_users=tuple(sorted(NOT_THE_USERS)),
        link_source=inspect.getsource(leads_inside),
        decode_source=inspect.getsource(decode),
    )

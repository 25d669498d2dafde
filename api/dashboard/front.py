"""The screen of a front: which of these networks do I take?"""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from api.dashboard.charts import drawn
from api.dashboard.figures.front import OVERLAYS, front_chart, with_many
from api.dashboard.figures.parallel import parallel_figure
from api.dashboard.front_query import MAX_OVERLAYS, PARTS, FrontQuery
from api.dashboard.overlays import Other, offered, overlays
from api.dashboard.pages import figures as figures_answer
from api.dashboard.pages import page
from api.dashboard.results import TargetFront, target_front
from api.dashboard.selected import selection
from api.dashboard.targets import target_text, targets_of
from api.picks import Gain, best_within, budget_of, gain, named_picks, usual_extra
from api.security import Principal, Reader
from api.selection import COSTS, nearest_within
from api.state import Service, Shared
from nas.choosing import tie_groups
from nas.publication import held_value, known_objectives
from nas.report import words
from nas.report.architecture import searched_space
from nas.report.front_traces import TITLES
from nas.report.rows import Row, Units, rows_of, units_for
from nas.report.trust import doubt_sentences, prediction_sentences, suspect_sentences
from nas.results import VerifiedNetwork

router = APIRouter(include_in_schema=False)

Asked = Annotated[FrontQuery, Query()]

MOST_ROWS: Final = 200
"""Of each table; the CSV has all."""

UNITS: Final = {
    "latency_ms": "ms",
    "energy_mj": "mJ",
    "peak_memory_bytes": "bytes",
    "arena_bytes": "bytes",
    "file_bytes": "bytes",
    "num_params": "",
    "num_macs": "",
}


@router.get("/searches/{search_id}/front")
def front(search_id: str, asked: Asked, who: Reader, service: Shared, request: Request) -> Response:
    """Show the front of a search for a target, with the plot, the picks and the table."""
    shown = target_front(service.stores, who.tenant, search_id, asked.target)
    known = known_objectives(shown.target.networks)
    asked = asked.among(known)
    beside = overlays(service.stores, who.tenant, asked.overlays)
    told = picked(shown, asked)
    name = told["chosen"].name if told["chosen"] else None
    chart = front_chart(shown, asked.model_copy(update={"pick": name}), beside)
    space = searched_space(shown.result) if shown.result else None
    parallel = parallel_figure(shown.target.front, space, name)
    return page(
        request,
        "front",
        asked=asked,
        **_head(shown),
        **told,
        chart=drawn("front", _label(shown, asked), chart, with_many(chart)),
        parallel=drawn("parallel", "Options of each network of the front, choice by choice", parallel),
        selected=selection(shown.target.front, space, asked),
        parts=PARTS,
        objectives=known,
        titles=TITLES,
        costs=[_budget(shown, asked, cost) for cost in COSTS if cost in known],
        limits=words.limit_sentences(shown.target),
        doubts=(*suspect_sentences(shown.target.front), *doubt_sentences(shown.target.table.states)),
        predictions=prediction_sentences(shown.target, shown.target.networks),
        tables=_tables(shown),
        overlays=list(zip(beside, OVERLAYS, strict=False)),
        others=_others(service, who, shown, asked),
        room=MAX_OVERLAYS - len(beside),
        words=words,
    )


@router.get("/searches/{search_id}/front/figures")
def figures(search_id: str, asked: Asked, who: Reader, service: Shared, request: Request) -> Response:
    """Return the plot alone, for other axes or parts of the same page, and as it stands on paper."""
    shown = target_front(service.stores, who.tenant, search_id, asked.target)
    asked = asked.among(known_objectives(shown.target.networks))
    chart = front_chart(shown, asked, overlays(service.stores, who.tenant, asked.overlays))
    still = drawn("front", _label(shown, asked), chart, with_many(chart)).static
    return figures_answer(request, {"front": chart, "still": still})


@router.get("/searches/{search_id}/front/pick")
def pick(search_id: str, asked: Asked, who: Reader, service: Shared, request: Request) -> Response:
    """Return the part of the page that tells of the picked network and the budgets."""
    shown = target_front(service.stores, who.tenant, search_id, asked.target)
    return page(request, "front_pick", asked=asked, words=words, **_head(shown), **picked(shown, asked))


def _head(shown: TargetFront) -> dict[str, Any]:
    return {
        "shown": shown,
        "search": shown.job,
        "targets": [target_text(one) for one in targets_of(shown.job.spec)],
        "sentence": words.front_sentence(shown.target.front),
    }


def picked(shown: TargetFront, asked: FrontQuery) -> dict[str, Any]:
    """Return what is told of the picked network, the best within the budgets, and what more would buy."""
    target, extra = shown.target, asked.more or usual_extra(shown.target, asked.grows)
    best = best_within(target, asked.budgets)
    everyone: Sequence[VerifiedNetwork] = (*target.networks, *shown.references)
    chosen = next((one for one in everyone if one.name == asked.pick), None) or best
    bought: Gain = gain(target, asked.budgets, asked.grows, extra)
    return {
        "best": best,
        "chosen": chosen,
        "chosen_row": None if chosen is None else _rows(shown, [chosen])[0][0],
        "chosen_trust": () if chosen is None else prediction_sentences(target, [chosen]),
        "why_none": "" if best else nearest_within([target], asked.budgets),
        "named": named_picks(target),
        "gain": bought,
        "extra": extra,
    }


def _rows(shown: TargetFront, networks: Sequence[VerifiedNetwork]) -> tuple[tuple[Row, ...], Units]:
    space = searched_space(shown.result) if shown.result else None
    units = units_for(networks)
    return rows_of(networks, units, space), units


def _tables(shown: TargetFront) -> dict[str, Any]:
    """Return the tables: the front by latency, stock networks, the rest; with the groups of what is tied."""
    target = shown.target
    rest = [network for network in target.networks if network.status != "front"]
    kept = [*target.front[:MOST_ROWS], *shown.references, *rest[:MOST_ROWS]]
    rows, units = _rows(shown, kept)
    num_front, num_stock = len(target.front[:MOST_ROWS]), len(shown.references)
    groups = {one.name: number for number, group in enumerate(tie_groups(target.front), 1) for one in group}
    return {
        "units": units,
        "front": rows[:num_front],
        "stock": rows[num_front : num_front + num_stock],
        "rest": rows[num_front + num_stock :],
        "groups": groups,
        "left_out": len(target.networks) + num_stock - len(kept),
    }


def _budget(shown: TargetFront, asked: FrontQuery, cost: str) -> dict[str, Any]:
    """Return what a budget's field says: name, unit, ends and what is set."""
    held = [held_value(network, cost) for network in shown.target.networks]
    return {
        "name": cost,
        "title": words.COST_NAMES[cost],
        "unit": UNITS[cost],
        "low": min(held, default=1.0),
        "high": max(held, default=1.0),
        "given": asked.budgets.get(cost),
        "bound": budget_of(shown.target, asked.budgets, cost),
    }


def _label(shown: TargetFront, asked: FrontQuery) -> str:
    axes = f"{TITLES[asked.y]} against {TITLES[asked.x]}"
    return f"{axes}: {words.front_sentence(shown.target.front)}. The table below has the same figures."


def _others(service: Service, who: Principal, shown: TargetFront, asked: FrontQuery) -> list[Other]:
    own = f"{shown.job.id}.{shown.number}"
    taken = {own, *asked.overlays}
    return [one for one in offered(service.stores, who.tenant, shown.job) if one.key not in taken]

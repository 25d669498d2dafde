"""The report: one file that works offline, from a folder, in light and dark, on a desk and on a phone."""

import base64
import hashlib
import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from plotly.offline import get_plotlyjs

from nas.report import words
from nas.report.architecture import searched_space
from nas.report.comparisons import accuracy_prediction_figure, prediction_figure, table_figure
from nas.report.costs import HEADS, cost_rows, cost_sentence, total_row
from nas.report.figures import choices_figure, front_figure
from nas.report.marks import Chart
from nas.report.sections import (
    class_rows,
    costs_of,
    data_facts,
    make_section,
    predictor_facts,
    search_facts,
    supernet_facts,
)
from nas.results import SearchResult
from search_spaces.atomic import write_atomically
from search_spaces.base import SearchSpace


def write_report(result: SearchResult, path: Path) -> None:
    """Write the report of a search.

    The page links to delivered folders and exported files relative to itself: it belongs into the folder of
    the search.

    Raises:
        ResourceError: `disk_full`; nothing is left behind.
    """
    write_atomically(path, render_report(result).encode("utf-8"))


def render_report(result: SearchResult) -> str:
    """Return the report as one HTML document that loads nothing from anywhere.

    Whatever comes from users (class names, paths, names) is escaped, and a content security policy admits
    only the scripts written here, by their SHA-256, and no connection at all.
    """
    space = searched_space(result)
    scripts = [_plotly(), _static("report.js")]
    return (
        _environment()
        .get_template("report.html.jinja")
        .render(
            result=result,
            sections=[make_section(result, number, space) for number in range(len(result.targets))],
            charts=_as_json(_charts(result, space)),
            policy=_policy(scripts),
            scripts=scripts,
            style=_static("report.css"),
            spec=yaml.safe_dump(result.spec.model_dump(mode="json"), sort_keys=False, allow_unicode=True),
            cost_heads=HEADS[: len(total_row(result))],
            cost_rows=[*cost_rows(result), total_row(result)],
            cost_sentence=cost_sentence(result),
            splits=class_rows(result)[0],
            class_rows=class_rows(result)[1],
            data_facts=data_facts(result),
            predictor_facts=predictor_facts(result.predictor),
            search_facts=search_facts(result),
            supernet_facts=supernet_facts(result),
        )
    )


def _environment() -> Environment:
    """Macros see what every template may use: Jinja imports them without the page's own variables."""
    environment = Environment(
        loader=PackageLoader("nas.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["unbroken"] = words.unbroken
    environment.globals["words"] = words
    return environment


def _charts(result: SearchResult, space: SearchSpace | None) -> dict[str, Chart]:
    """Return every chart of the page by the id of its place."""
    charts: dict[str, Chart] = {}
    for number, target in enumerate(result.targets):
        for cost in costs_of(target):
            charts[f"front-{number}-{cost}"] = front_figure(target, result.references_at(number), cost)
        charts[f"choices-{number}"] = choices_figure(target.front, space)
        charts[f"latency-{number}"] = prediction_figure(target)
        charts[f"accuracy-{number}"] = accuracy_prediction_figure(target)
        charts[f"table-{number}"] = table_figure(target)
    return charts


def _as_json(charts: dict[str, Chart]) -> str:
    """Return charts as JSON that cannot end the script element it stands in."""
    text = json.dumps(charts, allow_nan=False, separators=(",", ":"))
    for sign, code in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        text = text.replace(sign, code)
    return text


def _policy(scripts: Sequence[str]) -> str:
    """Return a content security policy: the given scripts, inline styles (plotly's), and nothing else."""
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


@cache
def _plotly() -> str:
    """Return plotly.js as it comes with the installed package, fit to stand inside a script element."""
    source: str = get_plotlyjs()
    return source.replace("\r", "").replace("</script", "<\\/script")


def _static(name: str) -> str:
    return files("nas.report").joinpath("templates", name).read_text(encoding="utf-8")

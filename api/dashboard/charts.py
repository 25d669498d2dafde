"""Charts on their way into a page: data for the script that draws them, and an SVG for whoever has none."""

from dataclasses import dataclass

from markupsafe import Markup

from api.dashboard.figures import svg
from nas.report.marks import Chart


@dataclass(frozen=True)
class Drawn:
    """A chart of a page.

    Attributes:
        name: Unique on the page.
        label: What it shows, for whoever does not see it.
        chart: As the script takes it.
        static: The same as an SVG; empty where there is nothing to draw.
    """

    name: str
    label: str
    chart: Chart
    static: Markup


def drawn(name: str, label: str, chart: Chart, static: Chart | None = None) -> Drawn:
    """Return a chart for a page.

    Args:
        name: Unique on the page.
        label: What it shows.
        chart: As the script takes it.
        static: What the SVG shows, where that is more than `data` of the chart.
    """
    # Every text in it was escaped when it was made.
    return Drawn(name, label, chart, Markup(svg.draw(static or chart, label)))

from api.dashboard.charts import drawn
from nas.report.figures import front_figure
from tests.nas.report.documents import HOSTILE, network, target


def test_a_chart_goes_with_the_same_as_an_svg() -> None:
    chart = front_figure(target((network("a", 0.1, 0.9), network("b", 0.2, 0.95))))
    one = drawn("front", HOSTILE, chart)
    assert one.chart is chart
    assert one.static.startswith('<svg class="static" role="img"')
    assert "<script" not in one.static
    assert drawn("none", "nothing", {"data": [], "layout": {}}).static == ""

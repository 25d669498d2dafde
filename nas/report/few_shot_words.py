"""Models of few whole networks in a sentence: what they are made of, and how far they can be trusted."""

from latency_predictors.few_shot import FewShotReport
from nas.report.numbers import percent
from nas.report.words import suspect_part, verified_part


def few_shot_sentence(report: FewShotReport) -> str:
    """Return how far predictions of latency can be trusted where few networks, and no table, are behind them.

    Where figures were published nobody knows how networks repeat.
    """
    repeat = f"; networks repeat within {percent(report.repeat_rel_sd)} %"
    return (
        f"{_made_of(report)}; of those drawn at random, left out one by one: "
        f"median error {percent(report.fitted.median_error)} %, {percent(report.coverage)} % of "
        f"{report.num_drawn} inside the {percent(report.level)} % intervals "
        f"(±{percent(report.median_half_width)} %){verified_part(report)}"
        f"{'' if report.num_published else repeat}{suspect_part(report)}"
    )


def _made_of(report: FewShotReport) -> str:
    num_measured = report.num_networks - report.num_published
    measured = [f"{num_measured} whole networks were measured"] if num_measured else []
    published = [f"{report.num_published} published latencies"] if report.num_published else []
    return ", and ".join(published + measured)

"""The command of a board: it measures for a service, or what a file asks for.

What a command needs is imported when it is called, so that `hwnas --help` answers at once.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel

BundleFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Without a network: measure what `hwnas devices bundle` wrote."),
]
ServiceUrl = Annotated[
    str, typer.Option(metavar="URL", envvar="HWNAS_SERVER", help="Address of the service.")
]
Key = Annotated[
    str,
    typer.Option(
        metavar="T",
        envvar="HWNAS_KEY",
        help="A key that `hwnas keys create NAME --scope device` has made there, for this board alone.",
    ),
]
PairingCode = Annotated[
    str,
    typer.Option(
        metavar="CODE",
        help="Instead of both: a code that `hwnas serve --lan` shows. Kept: later nothing is needed. `-` "
        "reads what `hwnas devices add` writes to standard input.",
    ),
]
MeterLog = Annotated[
    str,
    typer.Option(
        metavar="FILE",
        envvar="HWNAS_METER_LOG",
        help="CSV file timestamp,watts that a meter of yours writes; the board's own if not given.",
    ),
]
PlainHttp = Annotated[
    bool,
    typer.Option(
        "--plain-http",
        help="Send the key to an address with http:// elsewhere, too: only over a cable that is yours alone.",
    ),
]
ReplayFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Measure nothing: answer with published latencies, of a trace or of what `hwnas tables export` "
        "wrote.",
    ),
]
ResultFile = Annotated[
    Path | None, typer.Option(metavar="RESULT", help="Answer to the bundle, for `hwnas devices import`.")
]


class WhenBusy(StrEnum):
    """What measuring does while other work keeps the machine busy."""

    MEASURE = "measure"
    REFUSE = "refuse"
    IGNORE = "ignore"


def agent(
    server: ServiceUrl = "",
    token: Key = "",
    pair: PairingCode = "",
    name: Annotated[
        str, typer.Option(help="What specifications call this board; the machine's own name if not given.")
    ] = "",
    home: Annotated[Path, typer.Option(help="Folder of the agent: what is to be delivered, files.")] = Path(
        "~/.local/share/hwnas-agent"
    ),
    cache_mb: Annotated[int, typer.Option(min=16, help="Room for files that are measured, in MB.")] = 512,
    when_busy: Annotated[
        WhenBusy, typer.Option(help="What to do while other work keeps the board busy.")
    ] = WhenBusy.MEASURE,
    meter_log: MeterLog = "",
    plain_http: PlainHttp = False,
    bundle: BundleFile = None,
    out: ResultFile = None,
    replay: ReplayFile = None,
) -> BaseModel:
    """Measure on this board for a service, until Ctrl-C or SIGTERM.

    The agent asks for work, measures, delivers; nothing connects to it. `pip install hwnas` without extras is
    enough. What was measured is kept until the service has it: a reboot loses nothing.

    Examples:
      hwnas agent --pair 192.168.1.20:8265/abcdef-...
      hwnas agent --server https://nas.example.org --token hwnas_... --name pi5
      hwnas agent --bundle pi5.zip --out result.json
      hwnas agent --replay pi5-table.json --name published-pi5
    """
    from search_spaces.errors import UsageError
    from workers.agent_board import default_name
    from workers.agent_serving import Wanted, measure_bundle, run_agent

    if bundle is not None or out is not None:
        if replay is not None:
            raise UsageError("conflicting_options", "--replay serves a service: leave --bundle and --out out")
        return measure_bundle(bundle, out, home.expanduser().absolute(), when_busy.value, meter_log)
    known = name or default_name()
    wanted = Wanted(known, server, token, pair, when_busy.value, plain_http, meter_log, replay)
    return run_agent(wanted, home.expanduser().absolute(), cache_mb * 2**20)

"""Commands that work: they train, measure and search, in this process or by a worker that they start.

What a command needs is imported when it is called, so that `hwnas --help` answers at once.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel

SpecFile = Annotated[
    Path, typer.Argument(metavar="SPEC.yaml", help="Specification of the search, in YAML or JSON.")
]


BundleFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Without a network: measure what `hwnas devices bundle` wrote."),
]
ServiceUrl = Annotated[
    str, typer.Option(metavar="URL", envvar="HWNAS_SERVER", help="Address of the service.")
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
ResultFile = Annotated[
    Path | None, typer.Option(metavar="RESULT", help="Answer to the bundle, for `hwnas devices import`.")
]


class WhenBusy(StrEnum):
    """What measuring does while other work keeps the machine busy."""

    MEASURE = "measure"
    REFUSE = "refuse"
    IGNORE = "ignore"


def demo() -> BaseModel:
    """Search on real images with this machine as the device: front, report and ONNX files in minutes.

    The images are scikit-learn's 1,797 handwritten digits; nothing is downloaded. Stock networks are trained
    beside the search to compare with.

    Example:
      hwnas demo
    """
    from nas.settings import Settings
    from workers.searches import demo_spec, search

    return search(demo_spec(), Settings())


def search(
    spec: SpecFile,
    watch: Annotated[
        bool, typer.Option("--watch/--no-watch", help="Wait for the end, or only queue the search.")
    ] = True,
    proceed: Annotated[
        bool,
        typer.Option("--proceed", help="Go on without boards that are missing, not wait for them."),
    ] = False,
) -> BaseModel:
    """Train, measure, search, verify and export as a specification says.

    The search is queued; a worker is started for it where none is alive. Stop it with Ctrl-C whenever you
    like: the same command goes on where it was, training at its last epoch.

    Examples:
      hwnas search examples/digits.yaml
      hwnas search mine.yaml --no-watch
      hwnas search mine.yaml --proceed
      hwnas search mine.yaml --json
    """
    from nas.settings import Settings
    from workers.searches import search_file

    return search_file(spec, Settings(), watched=watch, proceed=proceed)


def worker(
    name: Annotated[str, typer.Option(help="Of this worker; no two of one name live at a time.")] = "",
    until_eof: Annotated[
        bool,
        typer.Option(
            "--until-eof",
            help="Also end when nothing is left to do and standard input has ended: whoever started this "
            "worker, and held the other end of a pipe, is gone.",
        ),
    ] = False,
) -> BaseModel:
    """Work on whatever is queued, until Ctrl-C or SIGTERM; the running job is given back then.

    Kill it as you like: its jobs go on with the next worker, training at the last epoch. Workers on several
    machines share a database and an artifact store (HWNAS_DATABASE_URL, HWNAS_ARTIFACT_URL).

    Examples:
      hwnas worker
      hwnas worker --name gpu-1
    """
    from nas.settings import Settings
    from workers.serving import run_worker

    return run_worker(Settings(), name, until_eof=until_eof)


def agent(
    server: ServiceUrl = "",
    token: Annotated[
        str,
        typer.Option(
            metavar="T",
            envvar="HWNAS_KEY",
            help="A key that `hwnas keys create NAME --scope device` has made there, for this board alone.",
        ),
    ] = "",
    pair: Annotated[
        str,
        typer.Option(
            metavar="CODE",
            help="Instead of both: a code that `hwnas serve --lan` shows. Kept: later nothing is needed. `-` "
            "reads what `hwnas devices add` writes to standard input.",
        ),
    ] = "",
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
) -> BaseModel:
    """Measure on this board for a service, until Ctrl-C or SIGTERM.

    The agent asks for work, measures, delivers; nothing connects to it. `pip install hwnas` without extras is
    enough. What was measured is kept until the service has it: a reboot loses nothing.

    Examples:
      hwnas agent --pair 192.168.1.20:8265/abcdef-...
      hwnas agent --server https://nas.example.org --token hwnas_... --name pi5
      hwnas agent --bundle pi5.zip --out result.json
    """
    from workers.agent_board import default_name
    from workers.agent_serving import Wanted, measure_bundle, run_agent

    if bundle is not None or out is not None:
        return measure_bundle(bundle, out, home.expanduser().absolute(), when_busy.value, meter_log)
    wanted = Wanted(name or default_name(), server, token, pair, when_busy.value, plain_http, meter_log)
    return run_agent(wanted, home.expanduser().absolute(), cache_mb * 2**20)


def plan(spec: SpecFile) -> BaseModel:
    """Tell beforehand what a search costs here: time for each phase, disk, what is wrong with the data.

    Training is timed on your images, for about a quarter of a minute at most. What is seen of them is kept
    for the search; nothing else is left behind.

    Examples:
      hwnas plan examples/digits.yaml
      hwnas plan mine.yaml --json
    """
    from nas.settings import Settings
    from workers.plans import plan_file

    return plan_file(spec, Settings())


def finetune(
    subnet: Annotated[
        str,
        typer.Argument(
            metavar="SUBNET",
            help="SEARCH.NETWORK, for example latest.net-3f9a1c: a search (identifier, its start, or "
            "`latest`) and a name from its front. Without --server a name that is unique is enough.",
        ),
    ],
    epochs: Annotated[int, typer.Option(min=1, max=10_000, help="Passes over the training images.")] = 20,
    target: Annotated[
        int | None,
        typer.Option(min=1, help="As which target has verified it, counted from 1; the first if not given."),
    ] = None,
) -> BaseModel:
    """Train a verified network on, on its own; then export, score and measure it as it is.

    What comes of it is a network of its own: `hwnas subnets show`, and files of it over REST. It is made for
    the target that is meant: in its precision, measured on its device.

    Examples:
      hwnas finetune digits-1f3a9c2e.net-3f9a1c --epochs 50
      hwnas finetune latest.net-3f9a1c --target 2
    """
    from nas.settings import Settings
    from workers.networks import tune

    return tune(Settings(), subnet, epochs, target)


def devices_profile(
    space: Annotated[str, typer.Option(help="Name of the space.")] = "mobilenet_v3",
    preset: Annotated[str | None, typer.Option(help="Geometry; the first one if not given.")] = None,
    classes: Annotated[int, typer.Option(min=2, help="Classes of the images.")] = 10,
    channels: Annotated[int, typer.Option(min=1, max=4, help="1 for grey images, 3 for colour.")] = 3,
    runtime: Annotated[str, typer.Option(help="onnxruntime or openvino.")] = "onnxruntime",
    precision: Annotated[str, typer.Option(help="fp32 or int8.")] = "fp32",
    threads: Annotated[int, typer.Option(help="Of one inference: 1, 2 or 4.")] = 1,
    batch: Annotated[int, typer.Option(min=1, help="Images of one inference.")] = 1,
    few_shot: Annotated[
        int | None,
        typer.Option(min=6, max=1_000, help="Measure so many whole networks (10 to 20 do) and no table."),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="As a search does it: without further networks.")
    ] = False,
    device: Annotated[
        str, typer.Option(help="A board with an agent, by its name; this machine if not given.")
    ] = "host",
) -> BaseModel:
    """Measure what a device's lookup table lacks for a space, and calibrate it on whole networks.

    A search does this by itself. Called again, it measures once more what is in doubt, on a later day also
    what is not settled yet. Where predictions may be off by more than 1.5 %, and by more than measurements
    differ, it measures up to 96 whole networks more, which a search does not. Leave the machine alone
    meanwhile: other work makes the figures worse. Two threads and more are measured on idle processors only.
    With --few-shot there is no table: `hwnas predict` then uses a model fitted on few whole networks.

    Examples:
      hwnas devices profile --space mobilenet_v3 --preset tiny --classes 10 --channels 1
      hwnas devices profile --preset tiny --channels 1 --precision int8
      hwnas devices profile --preset tiny --channels 1 --runtime openvino
      hwnas devices profile --preset tiny --channels 1 --device pi5
      hwnas devices profile --space mobilenet_v3 --preset imagenet --few-shot 20
    """
    from nas.settings import Settings
    from nas.spec_words import parse_context
    from workers.profiles import profile_few_shot, profile_host

    context = parse_context(runtime, threads, batch, precision)
    if few_shot is not None:
        return profile_few_shot(Settings(), space, preset, classes, channels, few_shot, context, device)
    return profile_host(Settings(), space, preset, classes, channels, context, device, quick=quick)


def devices_doctor() -> BaseModel:
    """Tell whether this machine is fit for measuring and training, and what to do where it is not.

    Exit status 1 where something fails.

    Example:
      hwnas devices doctor
    """
    from nas.settings import Settings
    from workers.doctor import examine_host

    return examine_host(Settings())


def devices_energy(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Exported networks.")],
    log: Annotated[
        Path | None,
        typer.Option(
            help="CSV file `timestamp,watts` of your own meter; that of HWNAS_METER_LOG if not given."
        ),
    ] = None,
) -> BaseModel:
    """Measure the energy of exported networks on this machine, gross and above idle.

    Two fresh processes measure each network, in about twenty seconds; leave the machine alone meanwhile.
    Without a meter energy is assumed, and labelled so; then it takes some seconds for all of them.

    Example:
      hwnas devices energy net-3f9a1c.onnx
      hwnas devices energy *.onnx --log plug.csv
    """
    from nas.settings import Settings
    from workers.energies import measure_energies

    return measure_energies(files, log, Settings())

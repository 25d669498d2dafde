"""Commands that work: they train, measure and search, in this process or by a worker that they start.

What a command needs is imported when it is called, so that `hwnas --help` answers at once.
"""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel

SpecFile = Annotated[
    Path, typer.Argument(metavar="SPEC.yaml", help="Specification of the search, in YAML or JSON.")
]
FewShot = Annotated[
    int | None,
    typer.Option(min=6, max=1_000, help="Measure so many whole networks (10 to 20 do) and no table."),
]


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
    few_shot: FewShot = None,
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
    With --few-shot there is no table: `hwnas predict`, with the same --device, then uses a model fitted on
    few whole networks.

    Examples:
      hwnas devices profile --space mobilenet_v3 --preset tiny --classes 10 --channels 1
      hwnas devices profile --preset tiny --channels 1 --precision int8
      hwnas devices profile --preset tiny --channels 1 --runtime openvino
      hwnas devices profile --preset tiny --channels 1 --device pi5
      hwnas devices profile --space mobilenet_v3 --preset imagenet --few-shot 20
      hwnas devices profile --preset tiny --channels 1 --device pi5 --few-shot 20
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

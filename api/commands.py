"""Commands that read: search spaces, devices and past searches; deliveries and predictions.

What a command needs is imported when it is called, so that `hwnas --help` answers at once.
"""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel


def spaces_list() -> BaseModel:
    """List the families of networks that can be searched.

    Example:
      hwnas spaces list
    """
    from api.spaces import list_spaces

    return list_spaces()


def spaces_show(
    name: Annotated[str, typer.Argument(metavar="SPACE", help="Name of the space, as `spaces list` has it.")],
    preset: Annotated[
        str | None, typer.Option(help="Geometry of the space; the first one if not given.")
    ] = None,
    classes: Annotated[int, typer.Option(min=2, help="Classes of the images.")] = 10,
    channels: Annotated[int, typer.Option(min=1, max=4, help="1 for grey images, 3 for colour.")] = 3,
) -> BaseModel:
    """Show a space: its choices with their options, what its networks span.

    Examples:
      hwnas spaces show mobilenet_v3
      hwnas spaces show mobilenet_v3 --preset tiny --classes 10 --channels 1
    """
    from api.spaces import show_space

    return show_space(name, preset, classes, channels)


def supernets_list() -> BaseModel:
    """List supernets, trained or in training: a search on the same data and space trains none again.

    Example:
      hwnas supernets list
    """
    from api.supernets import list_supernets
    from nas.settings import Settings

    return list_supernets(Settings())


DatasetName = Annotated[str, typer.Argument(metavar="NAME", help="Of the data set.")]


def datasets_add(
    name: DatasetName,
    source: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="A zip of an image folder or a .npz file, which is kept; or a specification with the part "
            "`dataset:`, whose data stay where they are.",
        ),
    ],
    given: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="How the zip is read, as the specification of an image folder says it: group_by, on_broken, "
            "max_broken_share, val_share, test_share, seed, near_duplicates or channels. May be given again.",
        ),
    ] = None,
) -> BaseModel:
    """Register a data set; a worker looks at every image and says whether it is ready.

    Specifications name it: `dataset: {name: stored, id: parts}`.

    Examples:
      hwnas datasets add parts parts.zip
      hwnas datasets add birds birds.zip --set group_by=folder --set on_broken=fail
      hwnas datasets add parts mine.yaml
    """
    from api.datasets import add_dataset
    from nas.settings import Settings

    return add_dataset(Settings(), name, source, given or ())


def datasets_list() -> BaseModel:
    """List the data sets that are registered.

    Example:
      hwnas datasets list
    """
    from api.datasets import list_datasets
    from nas.settings import Settings

    return list_datasets(Settings())


def datasets_show(name: DatasetName) -> BaseModel:
    """Show a data set: whether it is ready, what was found in it.

    Example:
      hwnas datasets show parts
    """
    from api.datasets import show_dataset
    from nas.settings import Settings

    return show_dataset(Settings(), name)


def db_upgrade() -> BaseModel:
    """Bring the database's schema up to date; doing it twice does nothing.

    A SQLite database is upgraded by whatever opens it. For PostgreSQL you decide when.

    Example:
      hwnas db upgrade
    """
    from api.databases import upgrade_database
    from nas.settings import Settings

    return upgrade_database(Settings())


Device = Annotated[
    str, typer.Option(help="A board that is registered, by its name; this machine if not given.")
]
NamedTable = Annotated[
    str | None,
    typer.Option(
        help="A table as `devices list` has it, or its start, in place of --device: also one that came from "
        "elsewhere."
    ),
]


def predict(
    space: Annotated[str, typer.Option(help="Name of the space.")] = "mobilenet_v3",
    preset: Annotated[str | None, typer.Option(help="Geometry; the first one if not given.")] = None,
    classes: Annotated[int, typer.Option(min=2, help="Classes of the images.")] = 10,
    channels: Annotated[int, typer.Option(min=1, max=4, help="1 for grey images, 3 for colour.")] = 3,
    search: Annotated[
        str | None, typer.Option(help="Take space, classes and channels from this search instead.")
    ] = None,
    architecture: Annotated[
        Path | None, typer.Option(help="An architecture.json: the option of every choice, by name.")
    ] = None,
    random: Annotated[int, typer.Option(min=1, max=100_000, help="So many random networks.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Of the random networks.")] = 0,
    fill: Annotated[
        bool,
        typer.Option("--fill", help="Fill in layers that are not measured; predictions then say `fitted`."),
    ] = False,
    device: Device = "host",
    table: NamedTable = None,
    runtime: Annotated[
        str | None, typer.Option(help="onnxruntime or openvino; that of --table, or the first, if not given.")
    ] = None,
    precision: Annotated[str | None, typer.Option(help="fp32 or int8, likewise.")] = None,
    threads: Annotated[int | None, typer.Option(help="Of one inference: 1, 2 or 4, likewise.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Images of one inference; 1, likewise.")] = None,
    statistic: Annotated[str, typer.Option(help="What is meant by latency: median or p95.")] = "median",
    pause_ms: Annotated[
        float | None, typer.Option(help="Rest before each inference (mode `paced`); none if not given.")
    ] = None,
) -> BaseModel:
    """Predict latency, memory and size of networks on a device, from its lookup table; nothing is run.

    Where the table lacks layers of the space, the model of `devices profile --few-shot` is used, if there is
    one: predictions then say `fitted`.
    p95 and pauses are predicted where a search has measured networks so: its target says `latency`.

    Examples:
      hwnas predict --search latest --random 5
      hwnas predict --space mobilenet_v3 --preset tiny --classes 10 --channels 1 --random 100 --json
      hwnas predict --search latest --architecture net/architecture.json --runtime openvino
      hwnas predict --search latest --device pi5
      hwnas predict --search latest --table 3f9a1c
      hwnas predict --search latest --statistic p95 --pause-ms 20
    """
    from api.predictions import Wish, predict_costs
    from nas.settings import Settings
    from nas.spec_words import parse_context, parse_latency

    asked = (parse_context(runtime, threads, batch, precision), parse_latency(statistic, pause_ms))
    wish = Wish(
        space, preset, classes, channels, search, architecture, random, seed, fill, table, *asked, device
    )
    return predict_costs(Settings(), wish)


def devices_list() -> BaseModel:
    """List the lookup tables: which device was measured how, and when. Boards and few-shot models too.

    Example:
      hwnas devices list
    """
    from api.devices import list_tables
    from nas.settings import Settings

    return list_tables(Settings())


def devices_show(
    table: Annotated[
        str | None,
        typer.Argument(
            metavar="TABLE|DEVICE",
            help="A table as `devices list` has it, or its start; or a board; else this machine's table.",
        ),
    ] = None,
) -> BaseModel:
    """Show a lookup table: sessions, their spread, how good predictions are. Or a board: how its agent is.

    Models of `devices profile --few-shot` are shown with their device, each with how good it is.

    Examples:
      hwnas devices show
      hwnas devices show pi5
      hwnas devices show 3f9a1c --json
    """
    from api.shown_devices import show_device
    from nas.settings import Settings

    return show_device(Settings(), table)

"""Commands for lookup tables that travel between installations.

What a command needs is imported when it is called, so that `hwnas --help` answers at once.
"""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel


def tables_export(
    out: Annotated[Path, typer.Option(help="File to write; it must not be there.")],
    table: Annotated[
        str | None,
        typer.Argument(
            metavar="TABLE",
            help="As `devices list` has it, or the start of it; if not given, this machine's.",
        ),
    ] = None,
    by: Annotated[str, typer.Option(help="Who you are, for whoever reads the file.")] = "",
) -> BaseModel:
    """Write a lookup table to a file that other installations can import, with its provenance and digest.

    Examples:
      hwnas tables export --out mine.json
      hwnas tables export 3f9a1c --out pi5.json --by "Ann, lab 2"
    """
    from api.tables import export_table
    from nas.settings import Settings

    return export_table(Settings(), table, out, by)


def tables_import(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that `tables export` wrote.")],
) -> BaseModel:
    """Take a lookup table from a file, as the table of the device that it was measured on.

    It never stands for this machine, and it replaces nothing that was measured here.

    Example:
      hwnas tables import pi5.json
    """
    from api.tables import import_table
    from nas.settings import Settings

    return import_table(Settings(), file)

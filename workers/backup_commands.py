"""Commands that keep an installation: one file with all of it, and a home made of that file.

What a command needs is imported when it is called, so that `hwnas --help` answers at once.
"""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="To write; it must not be there.")],
) -> BaseModel:
    """Write the database and all files of searches into one file, while servers and workers go on.

    Nobody but you may read it: it has what you uploaded, and secrets of boards. Files that are missing or
    damaged are named; the rest is in it, and the exit status is 1.

    Example:
      hwnas backup hwnas-2026-11-26.zip
    """
    from nas.settings import Settings
    from workers.backups import back_up

    return back_up(Settings(), file)


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `hwnas backup` wrote.")],
) -> BaseModel:
    """Make a home of a backup: HWNAS_HOME, which must not be there yet or be empty.

    Every file is checked first; what is damaged is refused and leaves nothing behind. Jobs that were running
    are queued again when their leases have run out, as after a crash.

    Example:
      hwnas restore hwnas-2026-11-26.zip
    """
    from nas.settings import Settings
    from workers.backups import restore_home

    return restore_home(Settings(), file)

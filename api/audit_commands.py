"""Commands on the log of changes; like `api.commands`, they import what they need when called."""

from typing import Annotated

import typer
from pydantic import BaseModel


def audit_list(
    num: Annotated[int, typer.Option(min=1, max=100_000, help="So many of the last ones.")] = 50,
) -> BaseModel:
    """List who changed what through the service, newest first.

    Examples:
      hwnas audit list
      hwnas audit list --num 1000 --json
    """
    from api.audit import list_changes
    from nas.settings import Settings

    return list_changes(Settings(), num)


def audit_verify(
    kept: Annotated[
        str, typer.Option(metavar="DIGEST", help="A last digest that was kept elsewhere: it has to be in it.")
    ] = "",
) -> BaseModel:
    """Check that no row of the log was changed or removed; the exit status is 1 where one was.

    Each row has a digest of all before it. Rows that were cut off at the end are found by a digest that was
    kept elsewhere.

    Examples:
      hwnas audit verify
      hwnas audit verify --kept 5f0c...
    """
    from api.audit import check_log
    from nas.settings import Settings

    return check_log(Settings(), kept)

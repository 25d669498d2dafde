"""Commands of the service: serving, and the keys of those who may ask.

What a command needs is imported when it is called, so that `hwnas --help` answers at once.
"""

from enum import StrEnum
from typing import Annotated

import typer
from pydantic import BaseModel


class KeyScope(StrEnum):
    """What a key may be good for."""

    READ = "read"
    SUBMIT = "submit"
    DEVICE = "device"
    METRICS = "metrics"
    ADMIN = "admin"


def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen at; elsewhere than on this machine only with keys.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port; 0 for any that is free.")] = 8265,
    worker: Annotated[
        bool, typer.Option("--worker/--no-worker", help="Run a worker beside; replicas need none.")
    ] = True,
    root_path: Annotated[
        str, typer.Option(help="Prefix of this server at a proxy, which takes it away.")
    ] = "",
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A host name that requests may give. May be given again."),
    ] = None,
    behind_proxy: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS", help="A proxy (or its network) that is believed who its clients are."
        ),
    ] = "",
    lan: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="Address of this machine in its network, or the interface, to listen at instead: encrypted "
            "with a certificate of its own, which boards know by the code that is shown.",
        ),
    ] = "",
) -> BaseModel:
    """Serve searches over REST on this machine, with a worker beside; Ctrl-C ends both, and no job is lost.

    Examples:
      hwnas serve
      hwnas serve --port 8000 --no-worker
      hwnas serve --allowed-host nas.example.org --behind-proxy 127.0.0.1
      hwnas serve --lan 192.168.1.20
    """
    from api.serving import serve as run
    from nas.settings import Settings

    hosts = tuple(allowed_host or ())
    return run(
        Settings(), host, port, worker=worker, root_path=root_path, hosts=hosts, lan=lan, proxy=behind_proxy
    )


def keys_create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose it is, or which program's.")],
    scope: Annotated[
        list[KeyScope] | None,
        typer.Option(help="What it is good for; read and submit if not given. May be given again."),
    ] = None,
    days: Annotated[
        float | None, typer.Option(min=0.001, help="Until it expires; never if not given.")
    ] = None,
) -> BaseModel:
    """Make a key for another program or another person; it is shown this once.

    Examples:
      hwnas keys create laptop
      hwnas keys create dashboard --scope read --days 30
    """
    from api.key_commands import create_key
    from nas.settings import Settings

    return create_key(
        Settings(), name, [one.value for one in scope or (KeyScope.READ, KeyScope.SUBMIT)], days
    )


def keys_list() -> BaseModel:
    """List the keys: what they are good for, and whether they still are.

    Example:
      hwnas keys list
    """
    from api.key_commands import list_keys
    from nas.settings import Settings

    return list_keys(Settings())


def keys_revoke(
    key: Annotated[str, typer.Argument(metavar="KEY", help="Identifier of the key, as `keys list` has it.")],
) -> BaseModel:
    """End a key: within seconds nobody gets in with it.

    Example:
      hwnas keys revoke 3f9a1c2e5b7d9f01
    """
    from api.key_commands import revoke_key
    from nas.settings import Settings

    return revoke_key(Settings(), key)

"""A search as files and programs ask for it: the same document as YAML, for curl and in Python."""

import json
import pprint
import shlex
from collections.abc import Mapping
from typing import Any

import yaml


def examples(document: Mapping[str, Any], address: str) -> dict[str, str]:
    """Return the same search in every way of asking for it, by its name.

    Args:
        document: The specification.
        address: Of this server.
    """
    return {"YAML": _yaml(document), "curl": _curl(document, address), "Python": _python(document, address)}


def _yaml(document: Mapping[str, Any]) -> str:
    text = yaml.safe_dump(
        dict(document), sort_keys=False, allow_unicode=True, default_flow_style=None, width=88
    )
    return f"# hwnas search this-file.yaml\n{text}"


def _curl(document: Mapping[str, Any], address: str) -> str:
    body = shlex.quote(json.dumps(document, ensure_ascii=False))
    return (
        f"curl -sS --fail-with-body {shlex.quote(f'{address}/v1/searches')} \\\n"
        '  -H "Authorization: Bearer $HWNAS_KEY" -H "Content-Type: application/json" \\\n'
        f"  -d {body}\n"
    )


def _python(document: Mapping[str, Any], address: str) -> str:
    literal = pprint.pformat(dict(document), sort_dicts=False, width=88)
    return (
        "import os\n\nfrom api.client import Client\n\n"
        f"SEARCH = {literal}\n\n"
        f'with Client({address!r}, key=os.environ["HWNAS_KEY"]) as client:\n'
        "    search = client.submit(SEARCH)\n"
        "    print(client.wait(search.id).state)\n"
    )

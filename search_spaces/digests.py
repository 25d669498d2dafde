"""Canonical JSON and SHA-256: how spaces, layers, architectures and files are identified."""

import hashlib
import json


def canonical_json(value: object) -> str:
    """Return JSON with sorted keys and no white space: the form that digests are taken of."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def sha256_json(value: object) -> str:
    """Return the SHA-256 (hex) of the canonical JSON of a value."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()

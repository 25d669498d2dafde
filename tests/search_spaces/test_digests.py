"""Canonical JSON and its digest."""

import math

import pytest

from search_spaces.digests import canonical_json, sha256_json


def test_canonical_json_has_one_form() -> None:
    assert canonical_json({"b": [1, 2.5, "ä"], "a": None}) == '{"a":null,"b":[1,2.5,"\\u00e4"]}'


def test_the_digest_is_sha_256_of_it() -> None:
    # printf '{"a":1}' | sha256sum
    assert sha256_json({"a": 1}) == "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"


def test_what_json_cannot_say_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"a": math.nan})

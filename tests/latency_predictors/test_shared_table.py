"""A table that travels arrives as it left, or not at all."""

import json
from dataclasses import replace
from typing import Any

import pytest

from latency_predictors.calibration import calibrate
from latency_predictors.calibration_point import CalibrationPoint
from latency_predictors.filling import with_unsupported
from latency_predictors.lookup_table import LookupTable, layer_key
from latency_predictors.shared_table import SharedTable, packed, share, unpacked
from latency_predictors.table_entry import Unsupported
from search_spaces.digests import canonical_json, sha256_json
from search_spaces.errors import ArtifactError
from search_spaces.layers import ConvNormAct
from tests.latency_predictors.sessions import CONTEXT, DEVICE, session

LAYERS = [ConvNormAct((3, 8, 8), width, 3, 1, "relu") for width in (8, 16)]
KEYS = [layer_key(spec) for spec in LAYERS]
TABLE = LookupTable(device=DEVICE, context=CONTEXT).merged(
    LAYERS, [session("s1", dict.fromkeys(KEYS, 0.1)), session("s22", {KEYS[0]: 0.12})]
)
SHARED = share(TABLE, exported_by="Ann", tool="hwnas 0.1.0")


def test_it_arrives_as_it_left() -> None:
    content = packed(SHARED)
    assert unpacked(content, "mine.json") == SHARED
    assert packed(unpacked(content, "mine.json")) == content
    document = json.loads(content)
    assert document["sha256"] == sha256_json(document["shared"])


def test_a_layer_that_cannot_be_run_arrives_as_such() -> None:
    deaf = ConvNormAct((3, 8, 8), 32, 3, 1, "relu")
    table = with_unsupported(TABLE, {deaf: Unsupported(code="file_not_loadable", message="no such operator")})
    arrived = unpacked(packed(share(table, exported_by="", tool="hwnas 0.1.0")), "mine.json").table
    assert arrived.unsupported([deaf]) == table.unsupported([deaf]) != {}


def test_its_provenance_says_what_was_measured_where_and_when() -> None:
    told = SHARED.provenance
    assert (told.device, told.device_digest) == (DEVICE.label, DEVICE.digest)
    assert (told.context, told.context_digest) == (CONTEXT.label, CONTEXT.digest)
    assert [(one.id, one.num_layers) for one in told.sessions] == [("s1", 2), ("s22", 1)]
    assert told.sessions[0].started_at.startswith("2026-01-01")
    assert (told.exported_by, told.tool) == ("Ann", "hwnas 0.1.0")
    assert told.exported_at.endswith("+00:00")


def test_its_provenance_names_the_sessions_that_measured_whole_networks() -> None:
    """Also those that measured no layer, each network once whatever corrections are fitted on it."""
    a, b, c = (
        CalibrationPoint(digest=one, sum_ms=1.0, num_layers=2, num_macs=9, measured_ms=1.1, rel_sd=0.01)
        for one in "abc"
    )
    early, late = "2026-01-01T00:00:05+00:00", "2026-01-01T00:00:06+00:00"
    correction = calibrate([a.found_in(("s22", "n1"), early), b.found_in(("n1", "n2"), late), c])
    table = TABLE.with_correction("space", correction).with_correction("space, p95", correction)
    shared = share(table, exported_by="", tool="hwnas 0.1.0")
    assert [(one.id, one.num_layers, one.num_networks) for one in shared.provenance.sessions] == [
        ("s1", 2, 0),
        ("s22", 1, 1),
        ("n1", 0, 2),
        ("n2", 0, 1),
    ]
    assert [one.started_at for one in shared.provenance.sessions[2:]] == [early, late]
    assert unpacked(packed(shared), "mine.json") == shared
    assert b"num_networks" not in packed(SHARED), "files without corrections are what they were"


def test_quantised_layers_say_what_their_ranges_are_from() -> None:
    """Other files are what they were before: the field is not in them."""
    table = TABLE.model_copy(update={"context": replace(CONTEXT, precision="int8")})
    shared = share(table, exported_by="", tool="hwnas 0.1.0")
    assert unpacked(packed(shared), "mine.json").provenance.ranges_from == "random inputs of a fixed seed"
    assert b"ranges_from" in packed(shared)
    assert b"ranges_from" not in packed(SHARED)


@pytest.mark.parametrize(
    "damage", ["edit", "digest", "truncate", "list", "empty", "deep", "other", "no digest"]
)
def test_a_file_that_was_changed_is_refused(damage: str) -> None:
    whole = packed(SHARED)
    shared = json.loads(whole)["shared"]
    content, code = {
        "edit": (whole.replace(b"0.12", b"0.11"), "shared_table_damaged"),
        "digest": (canonical_json({"sha256": "0" * 64, "shared": shared}).encode(), "shared_table_damaged"),
        "truncate": (whole[: len(whole) // 2], "no_shared_table"),
        "list": (b"[]", "no_shared_table"),
        "empty": (b"", "no_shared_table"),
        "deep": (b"[" * 200_000, "no_shared_table"),
        "other": (b'{"sha256":"x","shared":{"format":"other"}}', "no_shared_table"),
        "no digest": (canonical_json({"shared": shared}).encode(), "no_shared_table"),
    }[damage]
    assert content != whole
    with pytest.raises(ArtifactError, match="mine.json") as caught:
        unpacked(content, "mine.json")
    assert caught.value.code == code


def signed(change: dict[str, Any]) -> bytes:
    """A file with other content whose digest is right."""
    content = {**SHARED.model_dump(mode="json"), **change}
    return canonical_json({"sha256": sha256_json(content), "shared": content}).encode()


def test_a_field_of_another_version_is_named() -> None:
    with pytest.raises(ArtifactError, match="version") as caught:
        unpacked(signed({"version": 2}), "mine.json")
    assert caught.value.code == "no_shared_table"


@pytest.mark.parametrize("wrong", ["provenance", "key", "latency"])
def test_a_right_digest_makes_no_sound_table(wrong: str) -> None:
    table, told = TABLE.model_dump(mode="json"), SHARED.provenance.model_dump(mode="json")
    if wrong == "provenance":
        told["device_digest"] = "0" * 64
    elif wrong == "key":
        table["entries"]["0" * 64] = table["entries"].pop(KEYS[0])
    else:
        table["entries"][KEYS[0]]["values"][0]["median_ms"] = -0.1
    with pytest.raises(ArtifactError) as caught:
        unpacked(signed({"table": table, "provenance": told}), "mine.json")
    assert caught.value.code == "shared_table_damaged"


def test_nothing_but_the_fields_it_names_is_in_it() -> None:
    assert set(SharedTable.model_fields) == {"format", "version", "provenance", "table"}

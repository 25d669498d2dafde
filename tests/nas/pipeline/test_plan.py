"""A plan follows from what is known; nothing is asked of stores or machines."""

from dataclasses import replace

import pytest

from latency_predictors.device import host_context, host_device
from latency_predictors.lookup_table import LookupTable
from nas.data.facts import DIGITS
from nas.data.report import Notice
from nas.pipeline.amounts import NUM_CALIBRATION, NUM_SESSIONS
from nas.pipeline.durations import ENERGY_S, LAYER_S, NETWORK_S, SESSION_S, num_verified
from nas.pipeline.plan import Basis, epochs_for, plan_of
from nas.pipeline.runner import PHASES
from nas.specs import parse_spec
from nas.task_events import SupernetTimed
from search_spaces.catalogue import get_space
from tests.api.handmade import lookup_table

SPACE = get_space("mobilenet_v3", preset="tiny", num_classes=10, in_channels=1)
EMPTY = LookupTable(device=host_device(), context=host_context())
BASIS = Basis(
    spec=parse_spec({"dataset": {"name": "digits"}}),
    space=SPACE,
    images=DIGITS,
    tables=(EMPTY,),
    trained_epochs=None,
    begun_epochs=(),
    scored=frozenset(),
    throughput=SupernetTimed(step_s=0.01, image_s=1e-4),
    room=2,
)


def test_phases_are_those_of_a_search_in_order() -> None:
    assert [phase.name for phase in plan_of(BASIS, (None,)).phases] == list(PHASES)


def test_a_meter_takes_its_time_where_energy_is_wanted() -> None:
    asked = {"dataset": {"name": "digits"}, "targets": [{"limits": {"energy_mj": 2.0}}]}
    watched = plan_of(replace(BASIS, spec=parse_spec(asked)), (None,)).phases
    plain = plan_of(BASIS, (None,)).phases
    longer = {one.name: one.seconds - other.seconds for one, other in zip(watched, plain, strict=True)}
    assert longer["profile"] == pytest.approx(NUM_SESSIONS * NUM_CALIBRATION * ENERGY_S)
    verified = num_verified(BASIS.spec.verify.candidates)
    assert longer["verify"] == pytest.approx(NUM_SESSIONS * verified * ENERGY_S)


def test_measuring_lasts_as_long_as_its_protocol_says() -> None:
    plan = plan_of(BASIS, (None,))
    measured_s = plan.num_layers * LAYER_S + NUM_CALIBRATION * NETWORK_S
    expected = NUM_SESSIONS * (measured_s + 2 * SESSION_S) + 1.0
    assert plan.phases[0].seconds == pytest.approx(expected)


def test_one_table_is_measured_once_for_two_targets() -> None:
    spec = parse_spec({"dataset": {"name": "digits"}, "targets": [{}, {}]})
    twice = plan_of(replace(BASIS, spec=spec, tables=(EMPTY, EMPTY)), (None, None))
    assert twice.num_layers_missing == twice.num_layers


def test_a_trained_supernet_is_taken_with_its_epochs() -> None:
    plan = plan_of(replace(BASIS, trained_epochs=7, scored=frozenset({"fp32"})), (None,))
    assert (plan.epochs, plan.phases[1].seconds, plan.phases[2].seconds) == (7, 0.0, 0.0)


def test_notes_hold_what_is_wrong_with_the_images() -> None:
    images = replace(DIGITS, warnings=(Notice("imbalanced", "class 'a' is rare"),))
    assert plan_of(replace(BASIS, images=images), (None,)).notes[0] == "class 'a' is rare"


def test_images_that_are_left_to_decode_take_their_time_and_their_room() -> None:
    timed = replace(BASIS.throughput, decoding_s=0.5)
    left = replace(BASIS, throughput=timed, images_left=1_200, image_bytes=7_000)
    spec = parse_spec({"dataset": {"name": "digits"}, "supernet": {"epochs": 20}})
    plain, longer = (plan_of(replace(one, spec=spec), (None,)) for one in (BASIS, left))
    assert longer.total_seconds - plain.total_seconds == pytest.approx(600.0)
    assert longer.phases[1].seconds - plain.phases[1].seconds == pytest.approx(600.0)
    assert longer.phases[1].note == "20 epochs, 1,200 images to decode before"
    assert longer.disk_bytes - plain.disk_bytes == 7_000
    trained = plan_of(replace(left, trained_epochs=7), (None,)).phases[1]
    assert (trained.seconds, trained.note) == (600.0, "a supernet is there, 1,200 images to decode before")


def test_what_decoding_takes_is_not_left_for_training() -> None:
    timed = SupernetTimed(step_s=1.0, image_s=1e-4, decoding_s=0.5)
    some = replace(BASIS, throughput=timed)
    left = replace(some, images_left=60)
    assert epochs_for(left, 100.0) == epochs_for(some, 130.0)
    assert epochs_for(left, 100.0)[0] < epochs_for(some, 100.0)[0]


def test_layers_in_doubt_are_noted() -> None:
    doubted = plan_of(replace(BASIS, tables=(lookup_table(),)), (None,)).notes
    assert [note for note in doubted if "142 of 142 layers are suspect" in note]
    assert not [note for note in plan_of(BASIS, (None,)).notes if "suspect" in note]

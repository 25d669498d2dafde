"""Tasks are told apart by how they are timed, too."""

from dataclasses import replace

from latency_predictors.measure import ENERGY_PROTOCOL, LAYER_PROTOCOL, NETWORK_PROTOCOL
from nas.measurement_tasks import protocol_digest, timed_alike


def test_another_way_to_time_is_another_protocol() -> None:
    same = replace(LAYER_PROTOCOL)
    assert protocol_digest(LAYER_PROTOCOL) == protocol_digest(same)
    longer = replace(LAYER_PROTOCOL, ceiling_s=LAYER_PROTOCOL.ceiling_s + 1)
    assert len({protocol_digest(one) for one in (LAYER_PROTOCOL, NETWORK_PROTOCOL, longer)}) == 3


def test_whether_other_work_is_waited_out_makes_no_other_protocol() -> None:
    assert timed_alike(LAYER_PROTOCOL, replace(LAYER_PROTOCOL, undisturbed=False))
    assert not timed_alike(LAYER_PROTOCOL, NETWORK_PROTOCOL)


def test_what_was_measured_before_there_were_meters_keeps_its_protocol() -> None:
    networks = replace(
        NETWORK_PROTOCOL,  # as it was then
        warm_up_s=0.06,
        warm_up_ceiling_s=0.3,
        min_duration_s=0.25,
    )
    assert protocol_digest(networks) == ("a8ff3a60adde59aae37a2d352c6641056f18355ed91737ff7c739b0e1e69d396")
    assert protocol_digest(ENERGY_PROTOCOL) != protocol_digest(NETWORK_PROTOCOL)

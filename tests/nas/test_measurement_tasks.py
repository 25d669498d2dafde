"""Tasks are told apart by how they are timed, too."""

from dataclasses import replace

from latency_predictors.measure import LAYER_PROTOCOL, NETWORK_PROTOCOL
from nas.measurement_tasks import protocol_digest


def test_another_way_to_time_is_another_protocol() -> None:
    same = replace(LAYER_PROTOCOL)
    assert protocol_digest(LAYER_PROTOCOL) == protocol_digest(same)
    longer = replace(LAYER_PROTOCOL, ceiling_s=LAYER_PROTOCOL.ceiling_s + 1)
    assert len({protocol_digest(one) for one in (LAYER_PROTOCOL, NETWORK_PROTOCOL, longer)}) == 3

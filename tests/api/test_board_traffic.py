from api.board_traffic import CALLS_PER_S, GONE_S, SHORTEST_S, BoardTraffic
from tests.api.served import Caller


def test_few_boards_ask_often_and_many_share_what_the_service_can_answer(api: Caller) -> None:
    now = 0.0
    traffic = BoardTraffic(api.stores, clock=lambda: now)
    assert traffic.pause_s("board") == SHORTEST_S
    pauses = [traffic.pause_s(f"board {number}") for number in range(1_000)]
    assert pauses[-1] == 1_001 / CALLS_PER_S
    assert traffic.pause_s("board 3") == pauses[-1], "it was counted before"
    now = GONE_S + 1
    assert traffic.pause_s("board") == SHORTEST_S, "the others have gone"

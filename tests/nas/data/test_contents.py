from typing import get_args

from nas.data.contents import PART_CODE, PARTS, UNASSIGNED, Part, SplitName


def test_parts_and_their_codes_agree() -> None:
    assert get_args(Part) == PARTS == tuple(PART_CODE)
    assert UNASSIGNED not in PART_CODE.values()
    assert len(set(PART_CODE.values())) == len(PARTS)


def test_validation_is_the_part_that_is_split_once_more() -> None:
    assert set(get_args(SplitName)) - set(PARTS) == {"select", "confirm"}
    assert set(PARTS) - set(get_args(SplitName)) == {"validation"}

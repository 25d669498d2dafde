from api.dashboard.navigation import SECTIONS
from tests.api.dashboard.browsing import browse, elements, sound
from tests.api.served import Caller


def test_every_section_is_a_page_that_marks_itself(api: Caller) -> None:
    for section in SECTIONS:
        found = elements(sound(browse(api, section.path)))
        assert [one["href"] for _, one in found if one.get("aria-current") == "page"] == [section.path]

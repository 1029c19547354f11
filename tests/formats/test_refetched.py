"""What the differ makes of pages as they were fetched again: events for what editors did, none for what servers do."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from deltawire.model import Reading
from differ.build import Desk
from formats.docs import corpus, read_doc
from formats.guardian_docs import JSON_URL, dcr, dcr_block
from formats.page_docs import AMP_ITEMS, URL, amp, poll, polled_block
from formats.test_guardian_page import NASA, POLITICS

POLL = f"{URL}?amp_latest_update_time=1740997860000"


def events(desk: Desk, reading: Reading, looks: int = 3) -> list[tuple[str, str | None]]:
    """What follows from the reading, shown in as many looks: the kinds of entry events and whom they are about."""
    found = []
    for _ in range(looks):
        found += desk.show(
            *reading.entries,
            coverage=reading.coverage,
            aside=reading.aside,
            tombstones=reading.tombstones,
            order=reading.feed.order,
            unstated=reading.unstated,
        )
    about = [(event.type.removeprefix("deltawire.entry."), event) for event in found if ".entry." in event.type]
    return [(kind, event.data.entry.source_id) for kind, event in about]  # type: ignore[union-attr]


def named(kind: str, *numbers: int) -> list[tuple[str, str | None]]:
    return [(kind, f"{number:024x}") for number in numbers]


def page(*numbers: int, **changes: Any) -> Reading:
    return read_doc(dcr(*map(dcr_block, numbers), **changes), url=JSON_URL)


IN_ORDER = [list(files) for of in (NASA, POLITICS) for n in range(2, len(of) + 1) for files in combinations(of, n)]


@pytest.mark.parametrize("files", IN_ORDER, ids=lambda files: " ".join(name[-15:-5] for name in files))
def test_an_ended_blog_fetched_again_years_later_gives_no_event(files: list[str]) -> None:
    desk = Desk()
    first, *later = (read_doc(corpus(name), url=JSON_URL) for name in files)
    assert len(events(desk, first)) == len(first.entries)
    assert [events(desk, reading) for reading in later] == [[]] * len(later)


def test_a_pinned_block_moves_between_its_places_without_an_event_but_for_its_label() -> None:
    desk = Desk()
    events(desk, page(3, 2, 1))
    assert events(desk, page(2, 1, pinnedPost=dcr_block(3, id=f"{3:024x}-pinned"))) == named("updated", 3)
    assert events(desk, page(4, 3, 2, 1, pinnedPost=dcr_block(3))) == named("created", 4)
    assert events(desk, page(4, 3, 2, 1)) == named("updated", 3)


def test_ten_blocks_that_leave_the_page_at_once_are_not_removed_but_one_from_its_middle_is() -> None:
    desk = Desk()
    events(desk, page(*range(19, 0, -1)))
    assert events(desk, page(*range(20, 10, -1), pinnedPost=dcr_block(1))) == [
        *named("updated", 1),
        *named("created", 20),
    ]
    assert events(desk, page(*(n for n in range(20, 10, -1) if n != 15), pinnedPost=dcr_block(1))) == named(
        "removed", 15
    )


def test_answers_to_polls_add_and_never_remove() -> None:
    desk = Desk()
    events(desk, read_doc(poll(polled_block(8)), url=JSON_URL))
    assert events(desk, read_doc(poll(polled_block(9)), url=JSON_URL)) == named("created", 9)
    assert events(desk, read_doc(poll(), url=JSON_URL)) == []


def test_an_amp_item_goes_with_its_tombstone_and_not_by_silence() -> None:
    grave = '<div id="post-1" data-sort-time="1740997200" data-update-time="1740998000" data-tombstone></div>'
    desk = Desk()
    events(desk, read_doc(amp()))
    assert events(desk, read_doc(amp(grave), url=POLL), looks=1) == [("removed", "post-1")]
    desk = Desk()
    events(desk, read_doc(amp()))
    assert events(desk, read_doc("", url=POLL)) == []
    assert events(desk, read_doc(amp(AMP_ITEMS[: AMP_ITEMS.index('<div id="post-1"')]), url=POLL)) == []

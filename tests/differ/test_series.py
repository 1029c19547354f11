"""What feed events say of the blogs before and after in a series."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from deltawire.events import Event, FeedData
from differ.build import Desk, entry, kinds


def links(event: Event) -> tuple[str | None, str | None]:
    assert isinstance(event.data, FeedData)
    return event.data.continues, event.data.continued_by


def test_the_event_that_starts_a_blog_names_the_one_before() -> None:
    desk = Desk()
    desk.links = {"continues": "monday"}
    assert links(desk.show(entry("a"))[0]) == ("monday", None)


@pytest.mark.parametrize(
    ("look", "expected"),
    [
        (lambda desk: desk.again(), ["feed.updated"]),
        (lambda desk: desk.fail(1), ["feed.updated"]),
        (lambda desk: desk.show(entry("b"), entry("a")), ["feed.updated", "entry.created"]),
        (lambda desk: desk.show(entry("a"), live=False), ["feed.updated", "feed.ended"]),
        (lambda desk: desk.retire("gone"), ["feed.updated", "feed.ended"]),
    ],
)
def test_any_first_look_at_a_blog_that_is_continued_tells_it_once(
    look: Callable[[Desk], list[Event]], expected: list[str]
) -> None:
    desk = Desk()
    desk.show(entry("a"))
    desk.links = {"continued_by": "tuesday"}
    events = look(desk)
    assert kinds(events) == expected
    assert isinstance(events[0].data, FeedData)
    assert (events[0].data.cause, links(events[0])) == ("continued", (None, "tuesday"))
    assert kinds(desk.fail(1)) == []


def test_a_blog_that_was_never_read_tells_it_when_it_starts() -> None:
    desk = Desk()
    desk.fail(1, ever_read=False)
    desk.links = {"continued_by": "tuesday"}
    assert desk.fail(2, ever_read=False) == []
    recovered, started, _ = desk.show(entry("a"))
    assert links(recovered) == links(started) == (None, "tuesday")


def test_removing_a_blog_that_is_continued_takes_nothing_back() -> None:
    desk = Desk()
    desk.show(entry("a"))
    desk.links = {"continued_by": "tuesday"}
    desk.again()
    desk.links = {}
    assert kinds(desk.retire("removed")) == ["feed.ended"]

"""Superdesk Live Blog: which posts are shown, which are withdrawn, how far down a page reaches."""

from __future__ import annotations

import pytest

from deltawire.model import Tombstone
from formats.docs import corpus, read_doc, refusal, utc
from formats.vendor_docs import POSTS_URL, clock, superdesk, superdesk_post

NOON = utc("2025-03-03T12:00:00")


def shown(*posts: dict[str, object], total: int | None = None) -> list[str | None]:
    reading = read_doc(superdesk(*posts, total=total), url=POSTS_URL, fetched_at=NOON)
    return [entry.source_id for entry in reading.entries]


def test_a_post_is_read_from_its_items() -> None:
    post = superdesk_post(
        1,
        "<p>Wind &amp; rain</p>",
        'Gusts of 60 knots <img src="/a.jpg">',
        headline="Storm",
        tags=["sea"],
        language="en",
    )
    reading = read_doc(superdesk(post), url=POSTS_URL)
    assert (reading.format, reading.coverage, reading.problems) == ("superdesk", "full", ())
    (entry,) = reading.entries
    assert (entry.source_id, entry.title, entry.authors, entry.language) == (
        "urn:post:1",
        "Storm",
        ("Ada Quill",),
        "en",
    )
    assert entry.content_text == "Wind & rain\nGusts of 60 knots"
    assert (entry.published_at, entry.published_precision) == (utc("2025-03-03T10:01:00"), "exact")
    assert (entry.labels, entry.media[0].url) == (("sea",), "https://desk.example/a.jpg")


def test_an_edited_post_with_new_items_is_the_same_entry() -> None:
    edited = superdesk_post(1, "<p>More</p>", _updated=clock(9), content_updated_date=clock(8))
    edited["groups"][1]["refs"][0]["item"]["_id"] = "urn:item:new"
    (entry,) = read_doc(superdesk(edited)).entries
    assert (entry.source_id, entry.updated_at) == ("urn:post:1", utc("2025-03-03T10:08:00"))


def test_pinning_moves_no_time_and_gives_a_label() -> None:
    (plain,) = read_doc(superdesk(superdesk_post(1))).entries
    marked = superdesk_post(1, sticky=True, lb_highlight=True, _updated=clock(9))
    (entry,) = read_doc(superdesk(marked)).entries
    assert (entry.labels, plain.labels) == (("key-event", "pinned"), ())
    assert entry.updated_at == plain.updated_at


def test_deleted_and_unpublished_posts_are_withdrawals() -> None:
    deleted = superdesk_post(1, deleted=True, _updated=clock(30))
    unpublished = superdesk_post(2, post_status="submitted", unpublished_date=clock(31))
    reading = read_doc(superdesk(superdesk_post(3), unpublished, deleted))
    assert [entry.source_id for entry in reading.entries] == ["urn:post:3"]
    assert set(reading.tombstones) == {
        Tombstone(source_id="urn:post:1", at=utc("2025-03-03T10:30:00")),
        Tombstone(source_id="urn:post:2", at=utc("2025-03-03T10:31:00")),
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"post_status": "draft"},
        {"post_status": "submitted"},
        {"post_status": "comment", "published_date": None},
        {"post_status": "ad"},
        {"published_date": "2025-03-03T12:00:01+00:00"},
    ],
)
def test_what_readers_are_not_shown_is_neither_an_entry_nor_a_withdrawal(changes: dict[str, object]) -> None:
    reading = read_doc(superdesk(superdesk_post(1), superdesk_post(2, **changes)), fetched_at=NOON)
    assert ([entry.source_id for entry in reading.entries], reading.tombstones) == (["urn:post:1"], ())


def test_a_scheduled_post_is_shown_once_its_time_has_come() -> None:
    assert shown(superdesk_post(1, published_date="2025-03-03T12:00:00Z")) == ["urn:post:1"]


def test_a_server_whose_clock_is_ahead_of_ours_schedules_nothing() -> None:
    ahead = "2025-03-03T12:00:30Z"
    assert shown(superdesk_post(1, published_date=ahead, _updated=ahead)) == ["urn:post:1"]


def test_an_advertisement_among_the_posts_is_none() -> None:
    advert = superdesk_post(2)
    advert["groups"][1]["refs"][0]["item"]["item_type"] = "Advertisement Local"
    assert shown(superdesk_post(1), advert) == ["urn:post:1"]


def test_a_part_of_the_posts_is_a_window_with_a_next_page_that_keeps_what_was_asked() -> None:
    reading = read_doc(superdesk(superdesk_post(3), superdesk_post(2), total=40), url=POSTS_URL)
    assert (reading.coverage, reading.aside, reading.more) == ("window", (), (f"{POSTS_URL}&page=2",))
    last = superdesk(superdesk_post(1), total=3, page=2)
    last["_links"].pop("next")
    reading = read_doc(last, url=f"{POSTS_URL}&page=2")
    assert (reading.coverage, reading.more) == ("window", ())


def test_old_posts_that_were_touched_lately_do_not_stretch_a_page_in_order_of_touch() -> None:
    """10:01 is there because it was changed at 10:50; 10:20, published after it, may well be on the next page."""
    touched = superdesk_post(1, _updated=clock(50))
    reading = read_doc(superdesk(superdesk_post(55), touched, superdesk_post(40), total=40), url=POSTS_URL)
    assert [entry.source_id for entry in reading.entries] == ["urn:post:55", "urn:post:40", "urn:post:1"]
    assert (reading.coverage, reading.feed.order, reading.aside) == ("window", "newest-first", (2,))
    last = superdesk(superdesk_post(55, _updated=clock(58)), superdesk_post(1, _updated=clock(57)), total=40)
    assert read_doc(last, url=POSTS_URL).coverage == "delta"


@pytest.mark.parametrize("query", ["where=%7B%7D", "source=%7B%22filter%22%3A%7B%22range%22%3A%7B%7D%7D%7D"])
def test_a_selection_by_time_is_a_delta(query: str) -> None:
    reading = read_doc(superdesk(superdesk_post(1)), url=f"{POSTS_URL}&{query}")
    assert (reading.coverage, reading.more) == ("delta", ())


def test_a_single_post_is_a_delta() -> None:
    reading = read_doc(superdesk_post(1), url="https://desk.example/api/client_posts/urn:post:1")
    assert (reading.format, reading.coverage, len(reading.entries)) == ("superdesk", "delta", 1)


@pytest.mark.parametrize(("status", "live"), [("open", True), ("closed", False), ("odd", None)])
def test_a_blog_says_whether_it_is_open_and_where_its_posts_are(status: str, live: bool | None) -> None:
    blog = {"_id": "x", "title": "Storm", "blog_status": status, "public_url": "https://desk.example/storm"}
    reading = read_doc(blog, url="https://desk.example/api/client_blogs/x?y=1")
    assert (reading.format, reading.coverage, reading.entries) == ("superdesk", "delta", ())
    assert (reading.feed.title, reading.feed.live) == ("Storm", live)
    assert reading.more == ("https://desk.example/api/client_blogs/x/posts?y=1",)


def test_a_blog_without_posts_is_empty_and_other_answers_are_refused() -> None:
    empty = superdesk()
    empty["_links"]["self"]["href"] = "client_blogs/x/posts"
    assert (read_doc(empty).coverage, read_doc(empty).entries) == ("full", ())
    assert refusal({"x": "blog_status"}, "superdesk")[0] == "not-a-live-blog"


def test_the_page_of_the_corpus() -> None:
    reading = read_doc(corpus("superdesk/client_blogs_posts.page1.json"), url=POSTS_URL)
    assert (reading.coverage, len(reading.entries), len(reading.tombstones)) == ("window", 10, 13)
    assert [entry.labels for entry in reading.entries].count(("pinned",)) == 2
    # The page goes back to 15 March by change; one of 8 March is there because it is pinned and was touched.
    assert reading.aside == (9,)
    assert reading.problems == ()

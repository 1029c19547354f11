"""The Guardian's page JSON: the union with the pinned block, what is noise, and when coverage ends."""

from __future__ import annotations

import json
from typing import Any

import pytest

from deltawire.formats.base import Forgetful, Raw
from deltawire.formats.registry import read
from deltawire.model import Entry, Reading
from formats.docs import corpus, read_doc, refusal, utc
from formats.guardian_docs import JSON_URL, KINDS, PAGE_URL, dcr, dcr_block, text

DAYS = ("2021-02-22", "2022-04-26", "2023-10-02", "2026-07-01")
NASA = [f"guardian-dcr/nasa_2021-02-19.fetched-{day}.json" for day in DAYS]
POLITICS = [f"guardian-dcr/politics_2023-12-13.fetched-{day}.json" for day in ("2023-12-20", "2026-07-01")]


def page(*blocks: dict[str, Any], **changes: Any) -> Reading:
    return read_doc(dcr(*blocks, **changes), url=JSON_URL)


def only(*elements: dict[str, Any], **changes: Any) -> Entry:
    reading = page(dcr_block(1, *elements, **changes))
    assert len(reading.entries) == 1
    return reading.entries[0]


def test_a_page_is_read_as_a_window_with_the_next_older_page_behind_it() -> None:
    person = {"name": "Ada Quill", "imageUrl": "https://paper.example/ada.png"}
    marked = {"pinned": False, "keyEvent": True, "summary": False}
    reading = page(dcr_block(2, title="Ferry &amp; tide", attributes=marked, contributors=[person]), dcr_block(1))
    assert (reading.format, reading.coverage, reading.problems) == ("guardian-page", "window", ())
    assert (reading.feed.title, reading.feed.url, reading.feed.live) == ("Storm – live", PAGE_URL, True)
    assert reading.more == (f"{JSON_URL}&page=with%3Ablock-{1:024x}",)
    assert read_doc(dcr(dcr_block(1)), url="file:///tmp/page.json").more == ()
    two = reading.entries[0]
    assert (two.source_id, two.title, two.labels) == (f"{2:024x}", "Ferry & tide", ("key-event",))
    assert (two.published_at, two.published_precision) == (utc("2025-03-03T10:02:00"), "exact")
    assert (two.updated_at, two.authors) == (utc("2025-03-03T10:02:30"), ("Ada Quill",))
    assert two.url == f"{PAGE_URL}?page=with:block-{2:024x}#block-{2:024x}"


@pytest.mark.parametrize(
    ("changes", "coverage"),
    [
        ({"pagination": None}, "full"),
        ({"pagination": {"currentPage": 1, "totalPages": 1}}, "full"),
        ({"pagination": {"currentPage": 1, "totalPages": 2}}, "window"),
        ({"filterKeyEvents": True}, "delta"),
    ],
)
def test_one_page_is_the_whole_blog_and_key_events_alone_say_nothing_of_the_rest(
    changes: dict[str, Any], coverage: str
) -> None:
    assert page(dcr_block(1), **changes).coverage == coverage


@pytest.mark.parametrize(
    ("design", "live"), [("LiveBlogDesign", True), ("DeadBlogDesign", False), (None, None), ("X", None)]
)
def test_the_design_says_whether_the_blog_has_ended(design: str | None, live: bool | None) -> None:
    assert page(dcr_block(1), format={"design": design}).feed.live is live


def test_an_article_is_no_live_blog() -> None:
    article = dcr(dcr_block(1), format={"design": "StandardDesign"}, pageType={"isLiveblog": False})
    assert refusal(article)[0] == "not-a-live-blog"


@pytest.mark.parametrize("suffix", ["", "-pinned"])
def test_the_pinned_block_is_there_once_whether_the_list_has_it_or_not(suffix: str) -> None:
    pinned = dcr_block(2, id=f"{2:024x}{suffix}")
    for listed in ([dcr_block(3), dcr_block(2), dcr_block(1)], [dcr_block(3), dcr_block(1)]):
        reading = page(*listed, pinnedPost=pinned)
        assert [entry.source_id for entry in reading.entries] == [f"{number:024x}" for number in (3, 2, 1)]
        assert [entry.labels for entry in reading.entries] == [(), ("pinned",), ()]
        assert reading.problems == ()


def test_a_pinned_first_block_that_leaves_the_list_reads_as_before() -> None:
    blocks = [dcr_block(number) for number in (3, 2, 1)]
    assert page(*blocks, pinnedPost=blocks[0]).entries == page(*blocks[1:], pinnedPost=blocks[0]).entries


def test_a_pinned_block_of_an_older_page_stands_aside() -> None:
    listed = [dcr_block(number) for number in (30, 29, 28, 27, 26)]
    reading = page(*listed, pinnedPost=dcr_block(1))
    assert reading.entries[5].source_id == f"{1:024x}"
    assert reading.aside == (5,)


def test_before_2023_the_list_of_key_events_gives_the_labels() -> None:
    old = [{k: v for k, v in dcr_block(n).items() if k != "attributes"} for n in (3, 2, 1)]
    reading = page(*old, keyEvents=[{"id": f"{3:024x}"}, {"id": f"{2:024x}", "title": "Ferry"}])
    assert [entry.labels for entry in reading.entries] == [("summary",), ("key-event",), ()]


def test_the_caption_of_an_untitled_summary_is_no_title() -> None:
    marked = {"summary": True}
    assert only(title="Summary", attributes=marked).title is None
    assert only(title="Afternoon summary", attributes=marked).title == "Afternoon summary"
    assert only(title="Summary").title == "Summary"


def image(widths: tuple[int, ...], master: int | None, **changes: Any) -> dict[str, Any]:
    files = []
    for width in widths:
        fields = {"width": str(width)} | ({"isMaster": "true"} if width == master else {})
        files.append({"url": f"https://media.example/{width}.jpg", "fields": fields})
    offered = [{"src": "https://i.example/9.jpg?width=620", "width": 620}]
    return {
        "_type": f"{KINDS}ImageBlockElement",
        "media": {"allImages": files},
        "data": {"alt": "Sea", "caption": "The <em>sea</em>", "credit": "Photograph: A & B"},
        "imageSources": [{"weighting": "inline", "srcSet": offered}],
    } | changes


def test_a_picture_is_its_original_whatever_sizes_are_offered() -> None:
    entry = only(image((500, 4000, 2000), 2000))
    assert [(medium.url, medium.alt) for medium in entry.media] == [("https://media.example/2000.jpg", "Sea")]
    assert entry.content_text == "The sea Photograph: A & B"
    assert only(image((2000, 140), 2000)).media == entry.media
    assert only(image((), None)).media[0].url == "https://i.example/9.jpg"


def test_embeds_keep_their_address_and_related_links_are_marked() -> None:
    entry = only(
        {"_type": f"{KINDS}YoutubeBlockElement", "assetId": "abc", "mediaTitle": "Waves", "duration": 3},
        {"_type": f"{KINDS}RichLinkBlockElement", "url": "https://paper.example/x", "text": "More", "prefix": "See: "},
        {"_type": f"{KINDS}DocumentBlockElement", "embedUrl": "https://doc.example/1", "title": "Report"},
    )
    assert [(medium.url, medium.alt) for medium in entry.media] == [
        ("https://www.youtube.com/embed/abc", "Waves"),
        ("https://doc.example/1", "Report"),
    ]
    assert (entry.links[0].url, entry.links[0].rel, entry.content_text) == (
        "https://paper.example/x",
        "related",
        "See: More",
    )


def test_an_element_of_an_unknown_kind_is_told() -> None:
    reading = page(dcr_block(1, text("<p>One</p>"), {"_type": f"{KINDS}NewBlockElement"}))
    assert [problem.code for problem in reading.problems] == ["unread-element"]
    assert reading.entries[0].content_text == "One"


def test_what_the_renderer_adds_leaves_no_trace() -> None:
    plain = only(text("<ul>\n <li><p>Wind</p></li>\n</ul><p>See Mars. </p>"))
    link = '<a href="https://paper.example/mars" data-component="auto-linked-tag">Mars</a>'
    assert only(text(f"<ul>\n <li>\n  <p>Wind</p></li>\n</ul><p>See {link}.</p>") | {"elementId": "e-9"}) == plain


class Shelf(Forgetful):
    """A memo that counts what it had to have read."""

    def __init__(self) -> None:
        self.known: dict[bytes, Any] = {}
        self.read = 0

    def recall(self, segment: bytes, read: Any) -> Any:
        if segment not in self.known:
            self.read += 1
            self.known[segment] = read()
        return self.known[segment]


def test_a_block_is_read_again_only_when_it_changed() -> None:
    memo = Shelf()

    def look(*blocks: dict[str, Any]) -> Reading:
        return read(Raw(body=json.dumps(dcr(*blocks)).encode(), url=JSON_URL, memo=memo))

    first = look(dcr_block(2), dcr_block(1))
    assert memo.read == 2
    renewed = [dcr_block(n, text(f"<p>Block {n}</p>") | {"elementId": f"e-{n}9"}) for n in (2, 1)]
    assert look(*renewed).entries == first.entries
    assert memo.read == 2
    changed = look(dcr_block(2, attributes={"keyEvent": True}), dcr_block(1, text("<p>New</p>")))
    assert [(e.labels, e.content_text) for e in changed.entries] == [(("key-event",), "Block 2"), ((), "New")]
    assert memo.read == 4


def entries(name: str) -> list[Entry]:
    return list(read(Raw(body=corpus(name), url=JSON_URL)).entries)


@pytest.mark.parametrize(("first", "second"), [(NASA[1], NASA[2]), (NASA[2], NASA[3]), tuple(POLITICS)])
def test_the_refetched_pages_read_as_the_same_entries(first: str, second: str) -> None:
    assert len(entries(first)) == (13 if "nasa" in first else 12)
    assert entries(first) == entries(second)


def test_the_oldest_page_lacks_only_what_its_notation_had_no_place_for() -> None:
    """In February 2021 blocks had neither contributors nor attributes."""
    differing = {
        (old.source_id, field)
        for old, new in zip(entries(NASA[0]), entries(NASA[1]), strict=True)
        for field in old.__struct_fields__
        if getattr(old, field) != getattr(new, field)
    }
    assert differing == {
        ("60300f5f8f08ad21ea60071e", "labels"),
        ("60300aa38f08ad21ea6006e5", "authors"),
        ("6030096d8f08c3cb92a5ca88", "authors"),
        ("6030076d8f08ad21ea6006cf", "authors"),
    }

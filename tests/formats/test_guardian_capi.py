"""The Guardian's Content API."""

from __future__ import annotations

import json
from typing import Any

import pytest

from formats.docs import block, capi, read_doc, refusal, utc

BODY = (
    '<div id="block-00000000000000000000000b" class="block" data-block-contributor="profile/ada-quill"> '
    '<p class="block-time published-time"> <time datetime="2025-03-03T10:11:12.345Z">10.11am '
    '<span class="timezone">GMT</span></time> </p> <h2 class="block-title">Ferry &amp; tide</h2> '
    '<div class="block-elements"> <p>All <div>off</div></p> <p>See <a href="/x">this</a></p> </div> '
    '<p class="block-time updated-time">Updated <time datetime="2025-03-03T10:12:00Z">at 10.12am GMT</time></p> </div>'
    '<div id="block-00000000000000000000000a" class="block" data-block-contributor=""> '
    '<p class="block-time published-time"> <time datetime="2025-03-03T10:10:00Z">10.10am</time> </p> '
    '<div class="block-elements"><p>Wind</p></div> </div>'
)


def blocks(*listed: dict[str, Any], **more: Any) -> dict[str, Any]:
    return capi(blocks={"body": list(listed)} | more)


def test_all_blocks_are_read_in_full() -> None:
    document = capi(
        blocks={
            "body": [block(2, title="Ferry", attributes={"keyEvent": True, "pinned": True, "summary": False}), block(1)]
        },
        fields={"liveBloggingNow": "true", "headline": "Storm – live now"},
        tags=[{"id": "profile/ada-quill", "type": "contributor", "webTitle": "Ada Quill OBE"}],
    )
    reading = read_doc(document)
    assert (reading.format, reading.coverage, reading.problems) == ("guardian-capi", "full", ())
    assert (reading.feed.title, reading.feed.live, reading.feed.url) == (
        "Storm – live now",
        True,
        "https://paper.example/storm",
    )
    two, one = reading.entries
    assert (two.source_id, two.title, two.labels) == (f"{2:024x}", "Ferry", ("key-event", "pinned"))
    assert (two.published_at, two.published_precision) == (utc("2025-03-03T10:02:00"), "exact")
    assert two.updated_at == utc("2025-03-03T10:02:30")
    assert two.url == f"https://paper.example/storm?page=with:block-{2:024x}#block-{2:024x}"
    assert (one.content_text, one.title, one.labels) == ("Block 1", None, ())


def test_no_staff_address_is_kept() -> None:
    reading = read_doc(
        blocks(block(1, lastModifiedBy={"email": "staff@paper.example"}, contributors=["profile/bo-reed"]))
    )
    assert "staff" not in repr(reading)
    assert reading.entries[0].authors == ("Bo Reed",)


def test_contributors_are_named_by_the_tags_of_the_item() -> None:
    tags = [{"id": "profile/bo-reed", "type": "contributor", "webTitle": "Bo Reed OBE"}]
    document = capi(blocks={"body": [block(1, contributors=["profile/bo-reed", {"webTitle": "Cy"}])]}, tags=tags)
    assert read_doc(document).entries[0].authors == ("Bo Reed OBE", "Cy")


def test_unpublished_blocks_are_not_shown() -> None:
    assert [e.content_text for e in read_doc(blocks(block(2, published=False), block(1))).entries] == ["Block 1"]


def test_a_blog_without_blocks_yet_has_no_entries() -> None:
    assert read_doc(blocks()).entries == ()


def test_blocks_come_out_newest_first() -> None:
    reading = read_doc(blocks(block(1), block(3), block(2)))
    assert [entry.content_text for entry in reading.entries] == ["Block 3", "Block 2", "Block 1"]
    assert (reading.feed.order, reading.aside) == ("newest-first", (2,))


@pytest.mark.parametrize(
    ("missing", "at"),
    [
        ((), "2025-03-03T10:01:00"),
        (("firstPublishedDate",), "2025-03-03T12:00:00"),
        (("firstPublishedDate", "publishedDate"), "2025-03-03T09:00:00"),
        (("firstPublishedDate", "publishedDate", "createdDate"), None),
    ],
)
def test_the_first_publication_counts_then_the_last_then_the_creation(missing: tuple[str, ...], at: str | None) -> None:
    one = {key: value for key, value in block(1, createdDate="2025-03-03T09:00:00Z").items() if key not in missing}
    reading = read_doc(blocks(one))
    assert reading.entries[0].published_at == (utc(at) if at else None)
    assert bool(reading.problems) is (at is None)


@pytest.mark.parametrize(
    ("flag", "live"), [("true", True), ("false", False), (True, True), (False, False), (None, None), ("perhaps", None)]
)
def test_live_blogging_now_may_be_text_or_boolean(flag: object, live: bool | None) -> None:
    assert read_doc(capi(blocks={"body": []}, fields={"liveBloggingNow": flag})).feed.live is live


REQUESTED: list[tuple[dict[str, list[int]], int | None, str]] = [
    ({"body:latest:2": [3, 2]}, 5, "window"),
    ({"body:latest:20": [3, 2, 1]}, 3, "full"),
    ({"body:latest": [3, 2]}, None, "window"),
    ({"body:latest:2": [3, 2], "body:pinned": [3]}, 5, "window"),
    ({"body:latest:2": [3, 2], "body:pinned": [1]}, 5, "delta"),
    ({"body:key-events": [3, 1]}, 5, "delta"),
    ({"body:latest:1": [5], "body:oldest:1": [1]}, 5, "delta"),
    ({"body:published-since:1741000000000": [3, 2]}, 5, "window"),
]


@pytest.mark.parametrize(("requested", "total", "coverage"), REQUESTED)
def test_what_requested_blocks_cover(requested: dict[str, list[int]], total: int | None, coverage: str) -> None:
    listed = {name: [block(number) for number in numbers] for name, numbers in requested.items()}
    reading = read_doc(
        capi(blocks={"requestedBodyBlocks": listed} | ({} if total is None else {"totalBodyBlocks": total}))
    )
    assert reading.coverage == coverage
    numbers = sorted({number for shown in requested.values() for number in shown}, reverse=True)
    assert [entry.source_id for entry in reading.entries] == [f"{number:024x}" for number in numbers]
    assert reading.problems == ()


def test_the_body_field_is_read_in_full() -> None:
    reading = read_doc(capi(fields={"body": BODY}))
    assert (reading.coverage, reading.problems) == ("full", ())
    ferry, wind = reading.entries
    assert (ferry.source_id, ferry.title, ferry.authors) == ("00000000000000000000000b", "Ferry & tide", ("Ada Quill",))
    assert (ferry.published_at, ferry.updated_at) == (utc("2025-03-03T10:11:12.345"), utc("2025-03-03T10:12:00"))
    assert ferry.content_text == "All\noff\nSee this"
    assert (wind.title, wind.updated_at, wind.content_text) == (None, None, "Wind")


def test_a_body_cut_anywhere_inside_its_blocks_is_refused() -> None:
    second = BODY.index('<div id="block-00000000000000000000000a"')
    for length in range(60, len(BODY), 5):
        if length == second:
            continue
        code, message = refusal(capi(fields={"body": BODY[:length]}))
        assert code == "cut-off", length
    code, message = refusal(capi(fields={"body": BODY[: BODY.index("Wind")]}))
    assert "block 00000000000000000000000a (published 2025-03-03T10:10:00Z)" in message


def test_a_search_answer_with_one_live_blog_is_read() -> None:
    item = capi(fields={"body": BODY})["response"]["content"]
    article = {"id": "a", "type": "article", "fields": {"body": "<p>x</p>"}}
    answer = {"response": {"status": "ok", "results": [article, item]}}
    assert len(read_doc(answer).entries) == 2
    code, message = refusal({"response": {"status": "ok", "results": [item, item | {"id": "tide"}]}})
    assert code == "ambiguous"
    assert "storm, tide" in message
    assert refusal({"response": {"status": "ok", "results": [article]}})[0] == "not-a-live-blog"


@pytest.mark.parametrize(
    "answer",
    [
        {"response": {"status": "error", "message": "The requested resource could not be found."}},
        {"message": "The requested resource could not be found."},
    ],
)
def test_errors_are_told_in_the_apis_own_words(answer: dict[str, Any]) -> None:
    code, message = refusal(answer)
    assert code == "source-error"
    assert message.endswith("The requested resource could not be found.")


def test_an_answer_without_blocks_says_what_to_ask_for() -> None:
    code, message = refusal(capi())
    assert code == "empty"
    assert "show-blocks" in message
    assert refusal(capi(fields={"body": "<p>An article.</p>"}))[0] == "not-a-live-blog"


def test_a_cut_answer_is_refused() -> None:
    text = json.dumps(blocks(block(1)))
    assert refusal(text[:-3])[0] == "cut-off"

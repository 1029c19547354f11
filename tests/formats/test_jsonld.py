"""LiveBlogPosting, as publishers really write it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from formats.docs import URL, blog, page, read_doc, refusal, utc


def ids(document: str | dict[str, Any] | list[Any]) -> list[str | None]:
    return [entry.source_id for entry in read_doc(document).entries]


def test_a_page_is_read_whole() -> None:
    reading = read_doc(page(blog()))
    assert (reading.format, reading.coverage, reading.feed.live, reading.problems) == ("jsonld", "window", None, ())
    assert (reading.feed.title, reading.feed.url, reading.feed.order) == ("Storm – live", URL, "newest-first")
    newer, older = reading.entries
    assert (newer.source_id, newer.url, newer.title) == ("b2", URL + "#b2", "It's update b2")
    assert newer.content_text == "Body of b2 & more."
    assert newer.authors == ("Ada Quill",)
    assert (newer.published_at, newer.published_precision) == (utc("2025-03-03T10:30:00"), "exact")
    assert (older.published_at, older.updated_at) == (utc("2025-03-03T10:05:30.500"), utc("2025-03-03T10:05:30.500"))


STUB = {"@type": "NewsArticle", "isPartOf": {"@type": "LiveBlogPosting", "@id": URL}}
SHAPES: dict[str, Any] = {
    "object": page(blog()),
    "bare document": blog(),
    "bare array": [blog(), {"@type": "WebPage"}],
    "array in a page": page([{"@type": "WebPage"}, blog()]),
    "graph": page({"@context": "https://schema.org", "@graph": [{"@type": "WebPage"}, blog()]}),
    "several scripts": page({"@type": "WebPage"}, {"@type": "NewsArticle"}, blog()),
    "several types": page(blog(**{"@type": ["Article", "http://schema.org/LiveBlogPosting"]})),
    "two copies, one with updates": page(blog(liveBlogUpdate=[]), blog()),
    "two copies, one without the key": page(STUB, blog()),
    "the same copy twice": page(blog(), blog()),
    "nested list": page(blog(liveBlogUpdate=[blog()["liveBlogUpdate"]])),
    "references into the graph": page(
        {
            "@graph": [
                blog(liveBlogUpdate=[{"@id": "#b2"}, {"@id": "#b1"}]),
                *({"@id": f"#{item['url'][-2:]}", **item} for item in blog()["liveBlogUpdate"]),
            ]
        }
    ),
    "entity-escaped script": page(json.dumps(blog()).replace("&", "&amp;").replace('"', "&quot;")),
    "script in CDATA": page("//<![CDATA[\n" + json.dumps(blog()) + "\n//]]>"),
    "script in a comment marker": page("<!--\n" + json.dumps(blog()) + "\n-->"),
    "unquoted type": page(blog()).replace('"application/ld+json"', "application/ld+json data-x=1"),
}


@pytest.mark.parametrize("document", SHAPES.values(), ids=SHAPES.keys())
def test_every_shape_gives_the_same_entries(document: str | dict[str, Any] | list[Any]) -> None:
    assert read_doc(document).entries == read_doc(blog()).entries


def test_a_single_update_may_stand_without_a_list() -> None:
    assert ids(blog(liveBlogUpdate=blog()["liveBlogUpdate"][0])) == ["b2"]


def test_a_page_that_quotes_another_format_is_still_a_page() -> None:
    quoted = '<pre>{"version": "https://jsonfeed.org/version/1.1", "response": {}} &lt;rss&gt;</pre>'
    assert ids(page(blog()).replace("<body>", "<body>" + quoted)) == ["b2", "b1"]


def test_scripts_in_comments_are_not_read() -> None:
    hidden = '<!-- <script type="application/ld+json">{"@type": "LiveBlogPosting"</script> -->'
    assert ids(page(blog()).replace("<body>", "<body>" + hidden)) == ["b2", "b1"]


def test_an_empty_list_is_no_entries_but_a_missing_one_is_refused() -> None:
    assert read_doc(page(blog(liveBlogUpdate=[]))).entries == ()
    missing = blog()
    del missing["liveBlogUpdate"]
    assert refusal(page(missing))[0] == "empty"
    assert refusal(page(blog(liveBlogUpdate=None)))[0] == "empty"
    assert refusal(page(blog(liveBlogUpdate=["x"])))[0] == "malformed"


def test_two_different_blogs_are_ambiguous_unless_one_is_at_the_address() -> None:
    other = blog(url="https://harbour.example/live/other")
    third = blog(url="https://harbour.example/live/third")
    assert refusal(page(other, third))[0] == "ambiguous"
    assert "live/other" in refusal(page(other, third))[1]
    assert read_doc(page(other, blog())).feed.url == URL


def test_a_page_without_a_live_blog_names_what_it_found() -> None:
    code, message = refusal(page({"@type": "NewsArticle"}, [{"@type": ["WebPage", "FAQPage"]}]))
    assert code == "not-a-live-blog"
    assert 'titled "Storm page"' in message
    assert "FAQPage, NewsArticle, WebPage" in message
    assert "no JSON-LD" in refusal(page())[1]


BROKEN = {
    "trailing comma in an object": ('"x": {"y": 1,}', "a trailing comma before '}'"),
    "trailing comma in a list": ('"x": [1,]', "a trailing comma before ']'"),
    "unclosed object": ('"x": [{"y": 1 ]', "expecting ',' delimiter"),
    "unclosed object and comma": ('"x": [{"y": 1, ]', "an object that is not closed before ']', and a trailing comma"),
}


@pytest.mark.parametrize(("member", "what"), BROKEN.values(), ids=BROKEN.keys())
def test_invalid_json_is_refused_with_script_line_column_and_cause(member: str, what: str) -> None:
    text = json.dumps(blog(), indent=1)
    broken = text.replace("{", "{\n" + member + ",", 1)
    code, message = refusal(page({"@type": "WebPage"}, broken))
    assert code == "malformed"
    assert "script 2" in message
    assert "line 4, column " in message
    assert message.endswith(what)


def test_another_broken_script_is_only_a_problem() -> None:
    reading = read_doc(page('{"@type": "WebPage",}', blog()))
    assert len(reading.entries) == 2
    assert [problem.code for problem in reading.problems] == ["malformed-script"]
    assert "script 1" in reading.problems[0].message


def test_a_broken_copy_does_not_matter_beside_a_good_one_but_does_beside_an_empty_one() -> None:
    broken = json.dumps(blog())[:-1] + ",}"
    assert ids(page(broken, blog())) == ["b2", "b1"]
    assert refusal(page(broken, blog(liveBlogUpdate=[])))[0] == "malformed"


def test_a_page_cut_inside_the_script_is_refused_as_cut_off() -> None:
    whole = page(blog())
    assert refusal(whole[: whole.index("Body of b1")])[0] == "cut-off"


@pytest.mark.parametrize(
    ("update", "identity"),
    [
        ({"@id": "60300f5f8f08ad21ea60071e"}, "60300f5f8f08ad21ea60071e"),
        ({"@id": URL + "#post-9", "url": URL + "#other"}, "post-9"),
        ({"@id": URL, "url": URL + "#frag"}, "frag"),
        (
            {"url": URL + "?page=with:block-60300f5f8f08ad21ea60071e#block-60300f5f8f08ad21ea60071e"},
            "60300f5f8f08ad21ea60071e",
        ),
        ({"@id": "60300f5f8f08ad21ea60071e-pinned"}, "60300f5f8f08ad21ea60071e"),
        ({"url": "https://harbour.example/live/storm/ferry?utm_source=x"}, "https://harbour.example/live/storm/ferry"),
        ({"url": URL}, None),
        ({"url": "#rel-7"}, "rel-7"),
        ({"@id": {}, "url": 5}, None),
        ({}, None),
    ],
)
def test_the_identity_ladder(update: dict[str, Any], identity: str | None) -> None:
    assert ids(blog(liveBlogUpdate=[{"headline": "x"} | update])) == [identity]


def test_an_identity_that_several_updates_share_is_none() -> None:
    shared = [{"@id": "a", "url": URL + "#1x"}, {"@id": "a", "url": URL + "#2x"}, {"@id": "b"}]
    assert ids(blog(liveBlogUpdate=shared)) == ["1x", "2x", "b"]


def test_places_on_the_page_are_no_identities() -> None:
    counted = [{"url": f"{URL}#post{number}", "headline": str(number)} for number in (1, 2, 3)]
    reading = read_doc(blog(liveBlogUpdate=counted))
    assert [entry.source_id for entry in reading.entries] == [None, None, None]
    assert "positional-ids" in [problem.code for problem in reading.problems]
    assert ids(blog(liveBlogUpdate=counted[::-1])) == ["post3", "post2", "post1"]


def test_ids_that_count_up_with_the_times_are_identities() -> None:
    counted = [{"url": f"{URL}#post{number}", "datePublished": f"2025-03-03T10:0{number}:00Z"} for number in (1, 2, 3)]
    assert ids(blog(liveBlogUpdate=counted)) == ["post3", "post2", "post1"]


def test_ids_that_count_up_stay_identities_when_two_updates_share_a_minute() -> None:
    clocks = ("10:01", "10:02", "10:03", "10:03")
    counted = [
        {"url": f"{URL}#post{number}", "datePublished": f"2025-03-03T{clock}Z"}
        for number, clock in enumerate(clocks, 1)
    ]
    assert ids(blog(liveBlogUpdate=counted)) == ["post4", "post3", "post2", "post1"]
    assert ids(blog(liveBlogUpdate=counted[2:])) == ["post3", "post4"]
    for update in counted:
        update["datePublished"] = "2025-03-03T10:01Z"
    assert ids(blog(liveBlogUpdate=counted)) == [None] * 4


@pytest.mark.parametrize("first", [0, 1])
def test_the_place_of_a_single_update_is_no_identity(first: int) -> None:
    update = {"url": f"{URL}#post{first}", "datePublished": "2025-03-03T10:01Z"}
    assert ids(blog(liveBlogUpdate=[update])) == [None]
    assert ids(blog(liveBlogUpdate=[update | {"url": f"{URL}#post{first + 2}"}])) == [f"post{first + 2}"]


def test_the_address_of_an_update_does_not_tell_its_place() -> None:
    counted = [
        {"url": f"{URL}#post1"},
        {"@id": "#post2", "url": f"{URL}#post2", "articleBody": '<a href="#map">Map</a>'},
        {"@id": f"{URL}#post3", "url": f"{URL}/three#photo"},
        {"@id": "#post4"},
    ]
    entries = read_doc(blog(liveBlogUpdate=counted)).entries
    assert [entry.source_id for entry in entries] == [None] * 4
    assert [entry.url for entry in entries] == [URL, URL, f"{URL}/three#photo", None]
    assert [link.url for link in entries[1].links] == [f"{URL}#map"]


def test_times_and_headlines_of_the_article_are_not_trusted() -> None:
    top = blog()
    copied = [
        {
            "@id": f"u{number * 7 + 3}",
            "headline": top["headline"],
            "datePublished": "2025-03-03T10:00:00+01:00",
            "dateModified": top["dateModified"],
            "articleBody": f"n {number}",
        }
        for number in range(3)
    ]
    reading = read_doc(blog(liveBlogUpdate=copied))
    assert {(e.published_at, e.published_precision, e.updated_at, e.title) for e in reading.entries} == {
        (None, "unknown", None, None)
    }
    assert [problem.code for problem in reading.problems] == ["untrusted-times", "untrusted-times", "untrusted-titles"]
    assert [entry.source_id for entry in reading.entries] == ["u3", "u10", "u17"]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"@type": "Text"}, ""),
        ({"@type": "Text", "@value": "inside"}, "inside"),
        (["one", "two"], "one\ntwo"),
        ("&lt;p&gt;escaped&lt;/p&gt;", "escaped"),
        ("<p>one</p><p>two</p>", "one\ntwo"),
        ("one\ntwo", "one\ntwo"),
        (7, ""),
        (None, ""),
    ],
)
def test_bodies_of_all_kinds(body: Any, text: str) -> None:
    (entry,) = read_doc(blog(liveBlogUpdate=[{"headline": "x", "articleBody": body}])).entries
    assert entry.content_text == text


@pytest.mark.parametrize(
    ("author", "names"),
    [
        ("Ada Quill", ("Ada Quill",)),
        ({"name": "Ada &amp; Bo"}, ("Ada & Bo",)),
        ([{"name": "Ada"}, "Bo", [{"name": "Cy"}], {"name": "Ada"}, 5, None], ("Ada", "Bo", "Cy")),
        ({"name": ["x"]}, ()),
        (None, ()),
    ],
)
def test_authors_of_all_kinds(author: Any, names: tuple[str, ...]) -> None:
    (entry,) = read_doc(blog(liveBlogUpdate=[{"headline": "x", "author": author}])).entries
    assert entry.authors == names


def test_only_an_updates_own_image_is_its_media() -> None:
    image = {"@type": "ImageObject", "url": "https://cdn.example/a.jpg"}
    updates = [
        {"@id": "a", "image": image},
        {"@id": "b", "image": ["https://cdn.example/b.jpg?1741000000", "https://cdn.example/b2.jpg"]},
    ]
    reading = read_doc(blog(image=image, liveBlogUpdate=updates))
    assert [[medium.url for medium in entry.media] for entry in reading.entries] == [[], ["https://cdn.example/b.jpg"]]


def test_an_updates_time_without_an_offset_is_null_and_noted() -> None:
    reading = read_doc(blog(liveBlogUpdate=[{"@id": "a", "datePublished": "2025-03-03T10:00:00"}]))
    assert reading.entries[0].published_at is None
    assert [problem.code for problem in reading.problems] == ["bad-time"]


def test_the_end_of_coverage_in_the_markup_is_no_end_signal() -> None:
    assert read_doc(blog(coverageEndTime="2020-01-01T00:00:00Z")).feed.live is None

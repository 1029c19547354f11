"""What pages, feeds and queries link to."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from deltawire.formats import links
from deltawire.formats.base import Raw, Unreadable
from deltawire.formats.links import Found, Offer
from deltawire.formats.registry import read

PAGE = "https://news.example/europe/"


def page(body: str, head: str = "") -> Raw:
    html = f"<!doctype html><html><head><title>Europe</title>{head}</head><body>{body}</body></html>"
    return Raw(body=html.encode(), url=PAGE, content_type="text/html; charset=utf-8")


def alternate(href: str, type_: str = "application/rss+xml", title: str = "") -> str:
    return f'<link rel="alternate" type="{type_}" href="{href}" title="{title}">'


def blogs(*urls: str) -> str:
    items = [{"@type": ["LiveBlogPosting"], "url": url, "headline": f"Live {url}"} for url in urls]
    document = {"@context": "https://schema.org", "@type": "ItemList", "itemListElement": items}
    return f'<script type="application/ld+json">{json.dumps(document)}</script>'


def test_links_are_absolute_and_in_order_with_the_text_that_is_seen() -> None:
    raw = page(
        '<a href="live-1#top"><h3>Europe <b>live</b></h3> day 1</a>'
        '<a href="//other.example/2?utm_source=x&amp;id=3" aria-label="Picture"><img src="p"></a>'
        '<a href="mailto:desk@news.example">write</a><a href="javascript:x()">Europe live</a><a>Europe live</a>'
        '<!-- <a href="/old">Europe live</a> --><script>"<a href=/script>Europe live</a>"</script>'
    )
    assert links.of_page(raw) == [
        Found(url=f"{PAGE}live-1", title="Europe live day 1"),
        Found(url="https://other.example/2?id=3", title="Picture"),
    ]


def test_the_base_of_a_page_counts() -> None:
    raw = page('<a href="live-1">a</a>', '<base href="https://cdn.example/x/">')
    assert [link.url for link in links.of_page(raw)] == ["https://cdn.example/x/live-1"]


def test_credentials_and_variables_in_links_are_no_links() -> None:
    raw = page('<a href="https://u:p@news.example/1">a</a><a href="/${SECRET}">b</a><a href="/c">c</a>')
    found = [link.url for link in links.of_page(raw)]
    assert not any("${" in url or "@" in url for url in found)
    assert found[-1] == "https://news.example/c"


def test_a_page_of_very_many_links_is_read_so_far() -> None:
    assert len(links.of_page(page("<a href=/x>x</a>" * 10_000))) == links.MOST_LINKS


def test_a_page_that_cannot_be_parsed_is_no_page_without_links() -> None:
    with pytest.raises(Unreadable):
        links.of_page(page("<div>" * 5000))


def test_results_of_a_query_have_titles_and_times() -> None:
    result = {"webUrl": "https://n.example/1", "webTitle": "A", "webPublicationDate": "2026-03-01T07:00:00Z"}
    document = {"response": {"results": [result, 7, {"webUrl": 7}, {"webUrl": "https://n.example/2"}]}}
    assert links.of_query(document) == [
        Found(url="https://n.example/1", title="A", at=datetime(2026, 3, 1, 7, tzinfo=UTC)),
        Found(url="https://n.example/2"),
    ]
    assert links.of_query({"items": []}) is None
    assert links.of_query([1]) is None


def test_a_page_offers_its_blogs_and_its_feeds_once_each() -> None:
    microdata = (
        '<article itemscope itemtype="https://schema.org/LiveBlogPosting"><a href="/live-2">Live two</a></article>'
    )
    head = (
        blogs("https://news.example/live-1", PAGE)
        + alternate("/feed", title="All")
        + alternate("/feed")
        + alternate("/atom", "application/atom+xml")
        + alternate("/wp-json/wp/v2/pages/7", "application/json")
        + alternate("/de", "text/html")
        + '<link rel="stylesheet" type="application/rss+xml" href="/style">'
    )
    assert links.offers(page(microdata, head)) == [
        Offer(url="https://news.example/live-1", kind="live blog", title="Live https://news.example/live-1"),
        Offer(url="https://news.example/live-2", kind="live blog", title="Live two"),
        Offer(url="https://news.example/feed", kind="RSS", title="All"),
        Offer(url="https://news.example/atom", kind="Atom"),
    ]


@pytest.mark.parametrize(
    ("type_", "where"),
    [
        ("schema:LiveBlogPosting", {"url": "/live-1"}),
        (["Article", "https://schema.org/LiveBlogPosting"], {"@id": "/live-1"}),
        ("LiveBlogPosting", {"mainEntityOfPage": "/live-1"}),
        ("LiveBlogPosting", {"mainEntityOfPage": {"@type": "WebPage", "@id": "/live-1"}}),
    ],
)
def test_a_blog_is_known_by_any_name_of_its_type_and_any_form_of_its_address(
    type_: object, where: dict[str, object]
) -> None:
    document = {"@context": {"schema": "https://schema.org/"}, "@type": type_, "headline": "Live", **where}
    script = f'<script type="application/ld+json">{json.dumps(document)}</script>'
    assert links.offers(page("", script)) == [Offer(url="https://news.example/live-1", kind="live blog", title="Live")]


@pytest.mark.parametrize("format_", ["auto", "jsonld", "microdata"])
def test_a_page_that_is_no_live_blog_is_refused_with_what_it_points_to(format_: str) -> None:
    with pytest.raises(Unreadable) as refusal:
        read(page("<p>News.</p>", alternate("/feed", title="All news")), format_)
    assert refusal.value.code == "not-a-live-blog"
    assert str(refusal.value).endswith("; it points to https://news.example/feed (RSS, 'All news')")


def test_items_within_items_are_read_once() -> None:
    item = '<div itemtype="https://schema.org/LiveBlogPosting">'
    assert len(links.of_page(page(item * 100 + '<a href="/live-1">Live</a>'))) == 2


def test_a_page_that_points_nowhere_is_refused_as_before() -> None:
    with pytest.raises(Unreadable, match="no LiveBlogPosting") as refusal:
        read(page("<p>News.</p>"))
    assert "points to" not in str(refusal.value)


def test_a_refusal_quotes_no_more_of_a_page_than_a_sentence_holds() -> None:
    document = [{"@type": f"{n}\n{'x' * 100_000}"} for n in range(20)]
    script = f'<script type="application/ld+json">{json.dumps(document)}</script>'
    with pytest.raises(Unreadable) as refusal:
        read(page("", script))
    assert "its JSON-LD is about" in str(refusal.value)
    assert len(str(refusal.value)) < 1000
    assert "\n" not in str(refusal.value)


def test_no_refusal_is_longer_than_what_is_kept_and_logged() -> None:
    assert len(str(Unreadable("malformed", "x" * 1_000_000))) == 1000

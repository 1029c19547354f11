"""The format is told from the content, and what is none of the known is refused in words that help."""

from __future__ import annotations

import json
from typing import Any

import pytest

from deltawire.formats import feed_loose
from deltawire.formats.base import NeedsLenient, Raw, Unreadable
from deltawire.formats.content import CONTENT_VERSION
from deltawire.formats.registry import FORMATS, MAX_BYTES, detect, read, read_leniently
from formats.docs import ATOM, JSON_FEED, RSS, URL, blog, capi, page, read_doc, refusal
from formats.guardian_docs import dcr, dcr_block
from formats.page_docs import MIRROR_ENTRIES, amp, listed, microdata, poll, polled_block
from formats.vendor_docs import card, quintype, row, rows, shell, superdesk, superdesk_post

TEXT = "Storm – live\n\n1.05pm GMT One.\n\n12.13pm GMT Two.\n\n9.00am GMT It’s Tuesday, 4 March 2025."
DOCUMENTS: dict[str, Any] = {
    "rss": RSS,
    "atom": ATOM,
    "jsonfeed": JSON_FEED,
    "jsonld": page(blog()),
    "guardian-capi": capi(blocks={"body": []}),
    "guardian-page": dcr(dcr_block(2), dcr_block(1)),
    "guardian-poll": poll(polled_block(9)),
    "superdesk": superdesk(superdesk_post(2), superdesk_post(1)),
    "wordpress-liveblog": rows(row(2), row(1)),
    "quintype": quintype(card(1), card(2)),
    "aljazeera": shell(2, 1),
    "amp": amp(),
    "liveblog-html": listed(MIRROR_ENTRIES),
    "microdata": microdata(),
    "plain-text": TEXT,
}


HEADERS = [None, "text/html", "application/octet-stream", "text/plain; charset=utf-8"]


@pytest.mark.parametrize(
    ("name", "content_type"),
    # Text that is served as HTML is HTML: nothing in it says otherwise.
    [(name, header) for name in DOCUMENTS for header in HEADERS if (name, header) != ("plain-text", "text/html")],
)
def test_the_format_is_told_from_the_content_whatever_the_header_says(name: str, content_type: str | None) -> None:
    reading = read_doc(DOCUMENTS[name], content_type=content_type)
    assert reading.format == name
    assert reading == read_doc(DOCUMENTS[name], name)
    assert reading == read_doc(DOCUMENTS[name], content_type=content_type)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_white_space_and_a_byte_order_mark_before_the_document_do_not_matter(name: str) -> None:
    text = DOCUMENTS[name] if isinstance(DOCUMENTS[name], str) else json.dumps(DOCUMENTS[name])
    assert read_doc("\ufeff\n " + text).entries == read_doc(text).entries


def test_the_address_has_no_say() -> None:
    for url in ("https://x.example/feed.rss", "https://x.example/data.json", "https://x.example/page.html"):
        assert detect(Raw(body=RSS.encode(), url=url)) is FORMATS["rss"]


def test_a_version_holds_the_adapters_and_the_canonicalisers() -> None:
    for name, document in DOCUMENTS.items():
        assert read_doc(document).version == FORMATS[name].version * 100 + CONTENT_VERSION


def test_an_unknown_format_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"no format 'rsss'; known are auto, rss, atom, jsonfeed, .*plain-text"):
        read_doc(RSS, "rsss")


@pytest.mark.parametrize("body", ["", " \n\t", "\ufeff", "\0\0"])
def test_an_empty_document_is_refused(body: str) -> None:
    assert refusal(body) == ("empty", "the document is empty: the server sent no content")


REFUSED = {
    "page": (
        "<!doctype html><title>About &amp; us</title><p>Hello",
        "not-a-live-blog",
        'HTML page titled "About & us"',
    ),
    "captcha": ("<html><head><title>Just a moment...</title>", "not-a-live-blog", "captcha"),
    "captcha in the body": ("<html><body>Please solve this CAPTCHA</body></html>", "not-a-live-blog", "captcha"),
    "untitled page": ("<html><body></body></html>", "not-a-live-blog", "without a title"),
    "foreign JSON": ({"items": [], "next": 1}, "not-a-live-blog", "JSON object with the keys items, next"),
    "JSON list": ([1, 2], "not-a-live-blog", "a JSON list"),
    "empty JSON": ({}, "not-a-live-blog", "(none)"),
    "broken JSON": ('{"items": [1,]}', "malformed", "line 1, column 14: a trailing comma before ']'"),
    "cut JSON": ('{"items": [1', "cut-off", "line 1, column 13"),
    "text": ("Service unavailable, try later.", "not-a-live-blog", "Service unavailable"),
    "another XML": ("<?xml version='1.0'?><urlset><url/></urlset>", "not-a-live-blog", "no JSON-LD"),
    "binary": (b"\x89PNG\x1a\x00\x01\x02\x03", "not-a-live-blog", "none of the known formats"),
}


@pytest.mark.parametrize(("document", "code", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_live_blog_is_refused_with_what_it_is(document: Any, code: str, words: str) -> None:
    found, message = refusal(document)
    assert found == code
    assert words in message


def test_a_captcha_page_is_called_one_and_not_judged_as_a_page_without_markup() -> None:
    assert refusal("<html><head><title>Just a moment...</title>")[1] == (
        'the document seems to be a captcha page (or another block of automated visitors) titled "Just a moment...": '
        "none of the known formats was found in it"
    )


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize("document", ["<html><title>Sorry</title></html>", "", "{}", "[]", "Sorry", "<x/>"])
def test_no_format_reads_zero_entries_from_what_is_not_its_own(name: str, document: str) -> None:
    assert refusal(document, name)[0] in ("not-a-live-blog", "malformed", "cut-off", "empty")


def test_a_document_over_the_limit_is_refused() -> None:
    with pytest.raises(Exception, match="at most 16777216 are read"):
        read(Raw(body=b"x" * (MAX_BYTES + 1), url=URL))


@pytest.mark.parametrize(
    "document",
    [
        RSS.replace("Gusts", "Gusts & squalls"),
        RSS.replace("Gusts", "Gusts&nbsp;"),
        RSS.replace("Gusts", "Gusts\x01"),
        RSS.replace("<description>Gusts", "<description><blink>Gusts</blink>"),
        "\n" + RSS,
        f"junk {RSS}",
        RSS.replace("\n<rss", "<!DOCTYPE rss>\n<rss"),
        RSS.encode().replace(b"Gusts", b"\xff"),
        RSS[: RSS.index("</channel>")],
        RSS + "</rss>",
    ],
    ids=["ampersand", "entity", "control", "element", "space", "junk", "doctype", "bytes", "cut", "tail"],
)
def test_what_is_malformed_reaches_the_lenient_parser_only_when_asked_for(
    document: str | bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(feed_loose, "read", asked.append)
    body = document.encode() if isinstance(document, str) else document
    with pytest.raises(NeedsLenient):
        read(Raw(body=body, url=URL), "rss")
    assert asked == []
    with pytest.raises(Unreadable, match="reader failed"):
        read_leniently(Raw(body=body, url=URL), "rss")
    assert len(asked) == 1


@pytest.mark.parametrize("name", ["rss", "atom"])
def test_a_well_formed_feed_never_reaches_the_lenient_parser(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_loose, "read", None)
    assert read(Raw(body={"rss": RSS, "atom": ATOM}[name].encode(), url=URL), "auto").entries


def test_what_has_no_lenient_reader_is_read_as_ever() -> None:
    raw = Raw(body=json.dumps(JSON_FEED).encode(), url=URL)
    assert read_leniently(raw) == read(raw)

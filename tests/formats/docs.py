"""Documents for the tests of formats: an invented blog in every notation, and the corpus where it is at hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from deltawire.formats import registry
from deltawire.formats.base import NeedsLenient, Raw, Unreadable
from deltawire.model import Reading

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"
URL = "https://harbour.example/live/storm"

RSS = """<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"
     xmlns:dc="http://purl.org/dc/elements/1.1/">
<channel><title>Harbour storm &amp; tide – live</title><link>https://harbour.example/live/storm</link>
<language>en-gb</language><lastBuildDate>Mon, 03 Mar 2025 10:31:00 GMT</lastBuildDate>
<item><guid isPermaLink="false">b-2</guid><title>Ferry &lt;em&gt;cancelled&lt;/em&gt;</title>
<link>/live/storm?utm_source=rss#b-2</link><pubDate>Mon, 03 Mar 2025 10:30:00 GMT</pubDate>
<dc:creator>Ada Quill</dc:creator><category>Key Event</category><category>Ferries</category>
<category>key event</category>
<description>short</description>
<content:encoded><![CDATA[<p id="x1" class="lead">All <b>six</b> sailings are off.
<a href="/timetable?fbclid=1">Timetable</a></p>
<img src="/sea.jpg?r=1741000000" alt="Sea"><time>21 mins ago</time>]]></content:encoded>
<enclosure url="https://cdn.example/horn.mp3" type="audio/mpeg" length="9"/></item>
<item><link>https://harbour.example/live/storm#b-1</link><title>Wind rises</title>
<pubDate>Mon, 03 Mar 2025 11:05 CEST</pubDate><description>Gusts of 60&amp;nbsp;knots.</description></item>
</channel></rss>"""

ATOM = """<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en"><title>Storm</title>
<link href="https://harbour.example/live/storm"/><id>urn:x:feed</id><updated>2025-03-03T10:40:00Z</updated>
<entry><id>urn:x:1</id><title type="text">Tide &lt; wind</title><link href="https://harbour.example/live/storm#1"/>
<published>2025-03-03T10:30:00+01:00</published><updated>2025-03-03T10:40:00Z</updated>
<author><name>Ada Quill</name></author><category term="Key Event"/>
<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>High <i>water</i></p></div></content></entry>
</feed>"""

JSON_FEED: dict[str, Any] = {
    "version": "https://jsonfeed.org/version/1.1",
    "title": "Storm",
    "home_page_url": URL,
    "language": "en",
    "items": [
        {
            "id": 2,
            "url": URL + "#2",
            "title": "Ferry cancelled",
            "content_html": "<p>Six sailings are off.</p>",
            "date_published": "2025-03-03T10:30:00Z",
            "date_modified": "2025-03-03T10:31:00+01:00",
            "authors": [{"name": "Ada Quill"}],
            "tags": ["Key Event", "key event"],
            "attachments": [{"url": "https://cdn.example/horn.mp3", "mime_type": "audio/mpeg", "title": "Horn"}],
        },
        {"id": "1", "content_text": "Wind rises.\nGusts of 60 knots.", "author": {"name": "Bo Reed"}},
    ],
}

CLOCKS = (("b2", "2025-03-03T10:30:00Z"), ("b1", "2025-03-03T11:05:30.5+01:00"))


def blog(**changes: Any) -> dict[str, Any]:
    """A LiveBlogPosting with two updates, with changes to its top level."""
    updates = [
        {
            "@type": "BlogPosting",
            "url": f"{URL}#{id_}",
            "headline": f"It&#39;s update {id_}",
            "datePublished": at,
            "dateModified": at,
            "articleBody": f"Body of {id_} &amp; more.",
            "author": {"@type": "Person", "name": "Ada Quill"},
        }
        for id_, at in CLOCKS
    ]
    return {
        "@context": "https://schema.org",
        "@type": "LiveBlogPosting",
        "url": URL,
        "headline": "Storm – live",
        "datePublished": "2025-03-03T09:00:00Z",
        "dateModified": "2025-03-03T10:31:00Z",
        "coverageEndTime": "2025-03-03T10:31:00Z",
        "liveBlogUpdate": updates,
    } | changes


def page(*scripts: Any) -> str:
    """An HTML page with JSON-LD scripts; text is put in as it is, all else as JSON."""
    bodies = (script if isinstance(script, str) else json.dumps(script) for script in scripts)
    tags = "".join(f'<script type="application/ld+json">{body}</script>\n' for body in bodies)
    return f"<!doctype html><html><head><title>Storm page</title>\n{tags}</head><body><p>Hi</p></body></html>"


def capi(**content: Any) -> dict[str, Any]:
    """A Content API item answer."""
    item = {"id": "storm", "type": "liveblog", "webTitle": "Storm – live", "webUrl": "https://paper.example/storm"}
    return {"response": {"status": "ok", "content": item | content}}


def block(number: int, **changes: Any) -> dict[str, Any]:
    """A Content API block published at 10:00 plus ``number`` minutes."""
    return {
        "id": f"{number:024x}",
        "bodyHtml": f"<p>Block {number}</p>",
        "published": True,
        "attributes": {},
        "firstPublishedDate": f"2025-03-03T10:{number:02}:00Z",
        "publishedDate": "2025-03-03T12:00:00Z",
        "lastModifiedDate": f"2025-03-03T10:{number:02}:30Z",
        "createdBy": {"email": "staff@paper.example"},
        "contributors": [],
    } | changes


def read_doc(
    document: str | bytes | dict[str, Any] | list[Any],
    format: str = "auto",  # noqa: A002
    *,
    url: str = URL,
    content_type: str | None = None,
    fetched_at: datetime | None = None,
) -> Reading:
    body = document if isinstance(document, bytes | str) else json.dumps(document)
    raw = Raw(
        body=body.encode() if isinstance(body, str) else body,
        url=url,
        content_type=content_type,
        fetched_at=fetched_at,
    )
    return read_either_way(raw, format)


def read_either_way(raw: Raw, format: str = "auto") -> Reading:  # noqa: A002
    """What the pipeline does: strictly, and leniently what that refuses."""
    try:
        return registry.read(raw, format)
    except NeedsLenient:
        return registry.read_leniently(raw, format)


def refusal(document: str | bytes | dict[str, Any] | list[Any], format: str = "auto") -> tuple[str, str]:  # noqa: A002
    """The code and the message with which a document is refused."""
    with pytest.raises(Unreadable) as caught:
        read_doc(document, format)
    return caught.value.code, str(caught.value)


def corpus(name: str) -> bytes:
    path = CORPUS / name
    if not path.exists():
        pytest.skip(f"the corpus file {name} is not at hand (../shared/corpus beside the repository)")
    return path.read_bytes()


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)

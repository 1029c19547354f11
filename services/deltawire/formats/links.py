"""Where other documents lead: to blogs, from section pages, feeds and API queries; to feeds, from pages."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import msgspec
from lxml import etree

from deltawire.formats import jsonld
from deltawire.formats import text as texts
from deltawire.formats.base import Raw, Unreadable
from deltawire.formats.dom import Page, line
from deltawire.formats.foreign import Flaw, every_object, mapping, objects, parse_json, string
from deltawire.formats.jsonld_updates import address
from deltawire.formats.page import is_markup, jsonld_scripts
from deltawire.formats.urls import canonical_url
from deltawire.model import Entry

MOST_LINKS = 5000
"""Of a document that are looked at."""

_LONGEST_TITLE = 300
_BLOG_TYPE = "schema.org/LiveBlogPosting"
_MOST_ITEMS = 100
_MOST_OFFERS = 5
_FEEDS = {
    "application/rss+xml": "RSS",
    "application/atom+xml": "Atom",
    "application/feed+json": "JSON Feed",
    "application/json": "JSON Feed",
}


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A link to what may be a blog: its address, absolute, what it is called, and when it was published."""

    url: str
    title: str = ""
    at: datetime | None = None


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """Something that can be followed instead of a page that cannot."""

    url: str
    kind: str
    title: str = ""


def of_page(raw: Raw) -> list[Found]:
    """The links of an HTML page, in their order, those of its JSON-LD first; without titles where they show an image.

    Raises:
        Unreadable: it cannot be parsed within bounds.
    """
    page = Page(raw)
    base = _base(page)
    found = list(islice(_blogs(page, base), MOST_LINKS))
    for node in islice(page.root.iter("a"), MOST_LINKS):
        title = line(node) or node.get("aria-label") or node.get("title") or ""
        if link := _found(node.get("href"), base, title):
            found.append(link)
    return found


def of_entries(entries: tuple[Entry, ...]) -> list[Found]:
    """The items of a feed that lists blogs."""
    found = (_found(entry.url, None, entry.title or entry.content_text, entry.published_at) for entry in entries)
    return [link for link in found if link][:MOST_LINKS]


def of_query(document: object) -> list[Found] | None:
    """The results of a query of the Guardian's Content API; null if the document is none."""
    results = mapping(mapping(document).get("response")).get("results")
    if not isinstance(results, list):
        return None
    found = (
        _found(string(r, "webUrl"), None, string(r, "webTitle"), _time(string(r, "webPublicationDate")))
        for r in objects(results[:MOST_LINKS])
    )
    return [link for link in found if link]


def described(offers: list[Offer]) -> str:
    """Part of a sentence: what a page points to."""
    named = [f"{offer.url} ({offer.kind}{f', {offer.title[:60]!r}' if offer.title else ''})" for offer in offers]
    return f"it points to {' and to '.join(named)}"


def offers(raw: Raw) -> list[Offer]:
    """What an HTML page points to that can be followed, blogs first, each once; nothing for other documents."""
    if not is_markup(raw.body):
        return []
    try:
        page = Page(raw)
    except Unreadable:
        return []
    base = _base(page)
    blogs = islice(_blogs(page, base), MOST_LINKS)
    out = [Offer(url=blog.url, kind="live blog", title=blog.title) for blog in blogs]
    for node in islice(page.root.iter("link"), MOST_LINKS):
        kind = _FEEDS.get((node.get("type") or "").partition(";")[0].strip().lower())
        if kind and "alternate" in (node.get("rel") or "").lower().split():
            link = _found(node.get("href"), base, node.get("title") or "")
            # WordPress names its JSON API in the same way.
            if link and not (kind == "JSON Feed" and "/wp-json/" in link.url):
                out.append(Offer(url=link.url, kind=kind, title=link.title))
    own = (canonical_url(raw.url) or "").partition("#")[0]
    return list({offer.url: offer for offer in reversed(out) if offer.url != own}.values())[::-1][:_MOST_OFFERS]


def _base(page: Page) -> str:
    stated = next((node.get("href") for node in page.root.iter("base") if node.get("href")), None)
    return canonical_url(stated or "", page.url) or page.url


def _blogs(page: Page, base: str) -> Iterator[Found]:
    """The live blogs that the page names in JSON-LD or microdata."""
    for script in jsonld_scripts(page.text):
        try:
            document = parse_json(script.text).value
        except Flaw:
            continue
        for item in every_object(document):
            if jsonld.BLOG in jsonld.types(item):
                title = string(item, "headline") or string(item, "name")
                if link := _found(address(item), base, title, _published(item)):
                    yield link
    marked = (n for n in page.root.iter(etree.Element) if (n.get("itemtype") or "").rstrip("/").endswith(_BLOG_TYPE))
    # Items within items have one anchor, and are looked through once for each level.
    firsts = dict.fromkeys(next(node.iter("a"), None) for node in islice(marked, _MOST_ITEMS))
    for anchor in firsts:
        if anchor is not None and (link := _found(anchor.get("href"), base, line(anchor) or "")):
            yield link


def _published(item: dict[str, Any]) -> datetime | None:
    return _time(string(item, "coverageStartTime") or string(item, "datePublished"))


def _time(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _found(url: str | None, base: str | None, title: str, at: datetime | None = None) -> Found | None:
    """The link, if it leads to a document of the web and holds no credentials."""
    whole = canonical_url(url or "", base)
    if whole is None or not whole.startswith("http"):
        return None
    whole = whole.partition("#")[0]
    if "@" in whole.split("/")[2]:
        return None
    return Found(url=whole, title=(texts.line(title) or "")[:_LONGEST_TITLE], at=at)

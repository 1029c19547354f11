"""JSON Feed 1.0 and 1.1 (jsonfeed.org/version/1.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

from deltawire.formats import text as texts
from deltawire.formats import times
from deltawire.formats.assemble import Read, as_entry, distinct, located, reading, source_id
from deltawire.formats.base import Raw, Unreadable
from deltawire.formats.content import Content, from_html, from_text
from deltawire.formats.foreign import items, load_json, objects, opening, string, strings
from deltawire.formats.memo import recalled
from deltawire.formats.urls import canonical_image, canonical_url
from deltawire.model import Entry, FeedMeta, Link, Media, Problem, Reading

_VERSION = re.compile(rb'"version"\s*:\s*"https?:\\?/\\?/(?:www\.)?jsonfeed\.org\\?/version\\?/')


class JsonFeed:
    """JSON Feed.

    Coverage is always ``window``: with a ``next_url`` the rest stands elsewhere (``Reading.more``), and without one the
    specification still lets a publisher list only its latest items. ``expired`` says that there will be no more.
    """

    name: ClassVar[str] = "jsonfeed"
    version: ClassVar[int] = 1

    def claims(self, raw: Raw) -> bool:
        # Anywhere in the document: JSON has no order of keys, and the version may stand behind all items.
        return opening(raw)[:1] == b"{" and _VERSION.search(raw.body) is not None

    def read(self, raw: Raw) -> Reading:
        loaded = load_json(raw)
        document = loaded.value
        if not isinstance(document, dict) or "jsonfeed.org/version/" not in str(document.get("version")):
            raise Unreadable("not-a-live-blog", "the document is no JSON Feed: its version does not name jsonfeed.org")
        listed = document.get("items")
        if not isinstance(listed, list):
            raise Unreadable("malformed", "the JSON Feed has no list of items, which the specification requires")
        language = texts.line(document.get("language"), escaped=False)
        entries: list[Entry] = []
        problems = loaded.problems
        context = f"jsonfeed\0{raw.url}\0{language}"
        for number, item in enumerate(listed, 1):
            if not isinstance(item, dict):
                raise Unreadable("malformed", f"item {number} of the JSON Feed is no object")
            entry, noted = recalled(raw.memo, context, item, partial(_entry, item, raw.url, language))
            entries.append(entry)
            problems += located(noted, f"item {number}")
        further = canonical_url(string(document, "next_url"), raw.url)
        own = {canonical_url(raw.url), canonical_url(string(document, "feed_url"), raw.url)}
        return reading(
            format=self.name,
            version=self.version,
            feed=FeedMeta(
                title=texts.line(document.get("title"), escaped=False),
                url=canonical_url(string(document, "home_page_url"), raw.url),
                language=language,
                live=False if document.get("expired") is True else None,
            ),
            coverage="window",
            entries=entries,
            problems=problems,
            # A page that names itself as the next one, which the specification forbids, has none.
            more=(further,) if further and further not in own else (),
        )


def _entry(item: Mapping[str, Any], base: str, language: str | None) -> Read:
    url = canonical_url(string(item, "url"), base)
    content = _content(item, url or base)
    problems = list(content.problems)
    moments = []
    for key in ("date_published", "date_modified"):
        moment = times.parse_iso(string(item, key))
        if moment is None and item.get(key) is not None:
            problems.append(Problem(code="bad-time", message=f"{key} is no time with an offset (RFC 3339)"))
        moments.append(moment)
    published, modified = moments
    external = canonical_url(string(item, "external_url"), base)
    return as_entry(
        content,
        published,
        modified,
        source_id=source_id(item.get("id")) or url,
        url=url,
        title=texts.line(item.get("title"), escaped=False),
        authors=_authors(item),
        language=texts.line(item.get("language"), escaped=False) or language,
        labels=tuple(sorted(distinct(texts.collapse(tag).lower() for tag in strings(item.get("tags"))))),
        links=[Link(url=external, rel="related")] if external else [],
        media=_media(item, base),
    ), tuple(problems)


def _content(item: Mapping[str, Any], base: str) -> Content:
    if isinstance(item.get("content_html"), str):
        return from_html(item["content_html"], base)
    return from_text(string(item, "content_text") or string(item, "summary"))


def _authors(item: Mapping[str, Any]) -> tuple[str, ...]:
    people = objects([*items(item.get("authors")), item.get("author")])
    return distinct(texts.line(person.get("name"), escaped=False) for person in people)


def _media(item: Mapping[str, Any], base: str) -> tuple[Media, ...]:
    images = ((string(item, key), "image", None) for key in ("image", "banner_image"))
    attached = (
        (
            string(part, "url"),
            texts.line(part.get("mime_type"), escaped=False),
            texts.line(part.get("title"), escaped=False),
        )
        for part in objects(item.get("attachments"))
    )
    found = ((canonical_image(url, base), kind, alt) for url, kind, alt in (*images, *attached))
    return tuple(Media(url=url, type=kind, alt=alt) for url, kind, alt in found if url)

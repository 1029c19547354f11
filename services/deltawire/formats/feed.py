"""RSS 0.9x, 1.0, 2.0 and Atom 1.0, by feedparser behind a gate.

feedparser hands the document to expat, so the gate sees to it that no DTD gets there (expat before 2.7 dies of one),
and nothing that makes it quadratic or raise (reliability.md 3.1). Coverage is always ``window``: a feed lists the last
N items, and an item that falls off is not gone.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import Any, ClassVar

import feedparser

from deltawire.formats import text as texts
from deltawire.formats import times
from deltawire.formats.assemble import distinct, located, reading, source_id
from deltawire.formats.base import Raw, Unreadable
from deltawire.formats.content import Content, canonical_url, from_html, from_text
from deltawire.formats.hints import poll_hint, skips
from deltawire.formats.urls import canonical_image
from deltawire.model import Entry, FeedMeta, Media, Problem, Reading

_ROOT = re.compile(r"<((?:rss|(?:\w{1,20}:)?RDF|(?:\w{1,20}:)?feed))(?=[\s>\[])")
_PROLOG = re.compile(r"\s*(?:<\?(?:[^?]|\?(?!>)){0,2000}\?>\s*|<!--(?:[^-]|-(?!->))*-->\s*)*")
_SECTION = re.compile(r"<!\[CDATA\[.*?(?:\]\]>|\Z)|<!--.*?(?:-->|\Z)", re.DOTALL)
_TAG = re.compile(r"<(/?)([A-Za-z_][^\s<>/]*)([^<>]*)>")
_ITEM = re.compile(r"(?:rss:|atom:)?(?:item|entry)")
_FIRST_ITEM = re.compile(r"<(?:rss:|atom:)?(?:item|entry)[\s>]")
_LONGEST_HEAD = 64 * 1024
_CHARACTER = re.compile(r"&#(?:[xX]([0-9a-fA-F]+)|([0-9]+));?")
_MAX_DEPTH = 100
_MAX_ATTRIBUTES = 500
_URL_LIKE = re.compile(r"https?://", re.IGNORECASE)


class Feed:
    """RSS and Atom. ``Reading.format`` is ``rss`` or ``atom``."""

    name: ClassVar[str] = "feed"
    version: ClassVar[int] = 1

    def claims(self, raw: Raw) -> bool:
        head = texts.decode(raw.body[:8192], raw.content_type)[0]
        start = _PROLOG.match(head)
        rest = head[start.end() :] if start else head
        if rest[:9].upper() == "<!DOCTYPE":
            return _ROOT.match("<" + rest[9:].lstrip()) is not None
        return _ROOT.match(rest) is not None

    def read(self, raw: Raw) -> Reading:
        text, wrong_bytes = texts.decode(raw.body, raw.content_type)
        problems = [Problem(code="bad-bytes", message=wrong_bytes)] if wrong_bytes else []
        gated, items = _gate(text)
        parsed = _parse(gated, items)
        if parsed.get("bozo"):
            problems.append(_malformation(parsed.get("bozo_exception")))
        atom = str(parsed.get("version", "")).startswith("atom")
        channel: Mapping[str, Any] = parsed.feed
        site = canonical_url(_string(channel, "link"), raw.url)
        language = texts.line(channel.get("language"))
        entries = []
        for number, item in enumerate(parsed.entries, 1):
            entry, noted = _entry(item, base=site or raw.url, number=number, atom=atom, language=language)
            entries.append(entry)
            problems += noted
        return reading(
            format="atom" if atom else "rss",
            version=self.version,
            feed=_meta(channel, gated, atom=atom, url=site, language=language),
            coverage="window",
            entries=entries,
            problems=problems,
        )


def _meta(channel: Mapping[str, Any], text: str, *, atom: bool, url: str | None, language: str | None) -> FeedMeta:
    first = _FIRST_ITEM.search(text)
    hours, days = skips(text[: min(first.start() if first else len(text), _LONGEST_HEAD)])
    said = (_string(channel, name) for name in ("ttl", "sy_updateperiod", "sy_updatefrequency"))
    return FeedMeta(
        title=_title(channel, atom=atom),
        url=url,
        language=language,
        poll_hint_s=poll_hint(*said),
        skip_hours=hours,
        skip_days=days,
    )


def _gate(text: str) -> tuple[str, int]:
    """The document from its root element on, complete and harmless, and the number of its items.

    Raises:
        Unreadable: it is no feed, ends early, or is built so that parsing it would be a denial of service.
    """
    start = _ROOT.search(text)
    if start is None:
        raise Unreadable(
            "not-a-live-blog", "the document is no RSS or Atom feed: it has no rss, rdf:RDF or feed element"
        )
    # The XML declaration goes too: what is left is Unicode, whatever it says.
    text = texts.clean(text[start.start() :])
    bare = _SECTION.sub("", text)
    items = 0
    stack: list[str] = []
    for match in _TAG.finditer(bare):
        closing, name, attributes = match.groups()
        if closing:
            # Markup that was not escaped leaves elements open, which their parent's end closes.
            if name in stack:
                del stack[-stack[::-1].index(name) - 1 :]
        elif not attributes.endswith("/"):
            stack.append(name)
        if len(stack) > _MAX_DEPTH or attributes.count("=") > _MAX_ATTRIBUTES:
            raise Unreadable("malformed", f"the feed is nested too deeply or has too many attributes, in <{name[:40]}>")
        items += not closing and _ITEM.fullmatch(name) is not None
    if re.search(rf"</{re.escape(start[1])}\s*>", bare) is None:
        raise Unreadable(
            "cut-off", f"the feed was cut off on the way: it ends inside its item {items}, without </{start[1]}>"
        )
    return _CHARACTER.sub(_legal_character, text), items


def _parse(text: str, items: int) -> Any:
    try:
        # BytesIO, because feedparser takes bytes for the name of a local file.
        parsed = feedparser.parse(
            io.BytesIO(text.encode()),
            response_headers={"content-type": "application/xml; charset=utf-8"},
            sanitize_html=False,
            resolve_relative_uris=False,
        )
    except Exception as error:
        # Its loose parser raises whatever it trips over (upstream issue 599).
        raise Unreadable("malformed", f"the feed cannot be parsed: {type(error).__name__}") from error
    unread = len(parsed.entries) < items or not (parsed.entries or parsed.feed)
    # A feed without items is believed only if it is a feed, and in order.
    if unread or not parsed.get("version") or (parsed.get("bozo") and not parsed.entries):
        found = f"it has {items} items, of which {len(parsed.entries)} can be read"
        cause = _malformation(parsed.bozo_exception).message if parsed.get("bozo") else "no title and no entries"
        raise Unreadable("malformed", f"the feed is malformed: {found} ({cause})")
    return parsed


def _entry(
    item: Mapping[str, Any], *, base: str, number: int, atom: bool, language: str | None
) -> tuple[Entry, list[Problem]]:
    link = canonical_url(_string(item, "link"), base)
    identity = source_id(_string(item, "id"))
    if identity is not None and _URL_LIKE.match(identity):
        identity = canonical_url(identity) or identity
    content, spoken = _content(item, base)
    where = identity or link or f"item {number}"
    problems = located(content.problems, where)
    # In a feed parsed from RSS "updated" is dc:date, the same clock as pubDate under another name.
    stated, changed = _string(item, "published"), _string(item, "updated")
    published, updated = (times.parse(value) for value in ((stated, changed) if atom else (stated or changed, "")))
    for value, moment in ((stated, published), (changed if atom else "", updated)):
        if value and moment is None:
            problems.append(Problem(code="bad-time", message=f"{value[:60]!r} is no time with a zone", where=where))
    entry = Entry(
        source_id=identity or link,
        url=link,
        title=_title(item, atom=atom),
        content_html=content.html,
        content_text=content.text,
        authors=_authors(item),
        language=spoken or language,
        published_at=published.at if published else None,
        published_precision=published.precision if published else "unknown",
        updated_at=updated.at if updated else None,
        labels=tuple(sorted(distinct((texts.line(tag.get("term")) or "").lower() for tag in item.get("tags", ())))),
        links=content.links,
        media=tuple(dict.fromkeys(content.media + _media(item, base))),
    )
    return entry, problems


def _content(item: Mapping[str, Any], base: str) -> tuple[Content, str | None]:
    details = [*item.get("content", ()), item.get("summary_detail") or {}]
    detail: Mapping[str, Any] = next((detail for detail in details if detail.get("value")), {})
    value = detail.get("value", "")
    spoken = texts.line(detail.get("language"))
    if detail.get("type") == "text/plain":
        return from_text(value), spoken
    return from_html(value, canonical_url(detail.get("base") or base, base) or base), spoken


def _media(item: Mapping[str, Any], base: str) -> tuple[Media, ...]:
    found = []
    for part in [*item.get("enclosures", ()), *item.get("media_content", ())]:
        url = canonical_image(part.get("href") or part.get("url") or "", base)
        if url is not None:
            found.append(Media(url=url, type=part.get("type") or part.get("medium")))
    return tuple(found)


def _authors(item: Mapping[str, Any]) -> tuple[str, ...]:
    named = (texts.line(author.get("name")) for author in item.get("authors", ()))
    return distinct(name for name in named if name and "@" not in name)


def _title(item: Mapping[str, Any], *, atom: bool) -> str | None:
    plain = atom and (item.get("title_detail") or {}).get("type") == "text/plain"
    return texts.line(item.get("title"), escaped=not plain)


def _string(item: Mapping[str, Any], key: str) -> str:
    # feedparser's own lookup makes "updated" up from "published", with a warning; its "in" does not.
    value = item.get(key) if key in item else None
    return value if isinstance(value, str) else ""


def _legal_character(match: re.Match[str]) -> str:
    """A character reference, or U+FFFD in place of one to what XML 1.0 section 2.2 allows no document to have."""
    digits = match[1] or match[2]
    number = int(digits, 16 if match[1] else 10) if len(digits) < 12 else 0
    legal = (
        number in (9, 10, 13) or 0x20 <= number < 0xD800 or 0xE000 <= number < 0xFFFE or 0x10000 <= number < 0x110000
    )
    return match[0] if legal else "\ufffd"


def _malformation(error: object) -> Problem:
    line = getattr(error, "getLineNumber", lambda: None)()
    message = getattr(error, "getMessage", lambda: str(error))()
    return Problem(
        code="malformed-feed",
        message=f"not well-formed: {message}",
        where=f"line {line} from the root element" if line else None,
    )

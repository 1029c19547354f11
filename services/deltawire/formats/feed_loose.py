"""RSS and Atom as they are found in the wild, by feedparser behind a gate.

feedparser hands the document to expat, so the gate sees to it that no DTD gets there (expat before 2.7 dies of one),
and nothing that makes it quadratic or raise (reliability.md 3.1). It is slow all the same: what the strict reader
refuses comes here, nothing else.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from html import unescape
from typing import Any, NamedTuple

import feedparser

from deltawire.formats import text as texts
from deltawire.formats.base import Raw, Unreadable
from deltawire.formats.feed_parts import HISTORY, MAX_ITEMS, TOMBSTONES, Channel, Item, Passage
from deltawire.formats.feed_text import CP1252
from deltawire.model import Problem

_ROOT = re.compile(r"<((?:\w{1,20}:)?(?:rss|RDF|feed))(?=[\s>\[])")
_SECTION = re.compile(r"<!\[CDATA\[.*?(?:\]\]>|\Z)|<!--.*?(?:-->|\Z)", re.DOTALL)
_TAG = re.compile(r"<(/?)([A-Za-z_][^\s<>/]*)([^<>]*)>")
_ITEM = re.compile(r"(?:rss:|atom:)?(?:item|entry)")
_CHARACTER = re.compile(r"&#(?:[xX]([0-9a-fA-F]+)|([0-9]+));?")
_MAX_DEPTH = 100
_LONGEST_TAG = 4096
_MAX_ATTRIBUTES = 500
_ATTRIBUTE = re.compile(r"""([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")


class Loose(NamedTuple):
    channel: Channel
    items: list[Item]
    problems: list[Problem]


def read(raw: Raw) -> Loose:
    """Read a feed, however malformed, but never a part of one for the whole.

    Raises:
        Unreadable: it is none, was cut off, or is built so that parsing it would be a denial of service.
    """
    text, wrong_bytes = texts.decode(raw.body, raw.content_type)
    problems = [Problem(code="bad-bytes", message=wrong_bytes)] if wrong_bytes else []
    text, count = _gate(text)
    parsed = _parse(text, count)
    if parsed.get("bozo"):
        problems.append(_malformation(parsed.get("bozo_exception")))
    channel: Mapping[str, Any] = parsed.feed
    atom = str(parsed.get("version", "")).startswith("atom")
    return Loose(
        Channel(
            atom=atom,
            title=_text(channel.get("title")),
            plain_title=_is_plain(channel.get("title_detail")),
            link=_string(channel, "link"),
            language=_text(channel.get("language")),
            complete=next(_tags(text, HISTORY, "complete"), None) is not None,
            further=[
                link["href"]
                for rel in ("next", "prev-archive")
                for link in channel.get("links", ())
                if link.get("rel") == rel and link.get("href")
            ],
            deleted=[
                (tag["ref"], tag.get("when", "")) for tag in _tags(text, TOMBSTONES, "deleted-entry") if tag.get("ref")
            ],
        ),
        [_item(entry) for entry in parsed.entries],
        problems,
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
    text = texts.clean(text[start.start() :].translate(CP1252))
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
    if items > MAX_ITEMS:
        raise Unreadable("too-large", f"the feed has {items} items; at most {MAX_ITEMS} are read")
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


def _item(entry: Mapping[str, Any]) -> Item:
    details = [*entry.get("content", ()), entry.get("summary_detail") or {}]
    return Item(
        id=_string(entry, "id"),
        link=_string(entry, "link"),
        title=_text(entry.get("title")),
        plain_title=_is_plain(entry.get("title_detail")),
        published=_string(entry, "published"),
        changed=_string(entry, "updated"),
        passages=[
            Passage(
                value=detail.get("value") or "",
                type=detail.get("type") or "",
                language=detail.get("language"),
                base=detail.get("base") or "",
            )
            for detail in details
        ],
        authors=[name for author in entry.get("authors", ()) if isinstance(name := author.get("name"), str)],
        terms=[term for tag in entry.get("tags", ()) if isinstance(term := tag.get("term"), str)],
        media=[
            (part.get("href") or part.get("url") or "", part.get("type") or part.get("medium"))
            for part in [*entry.get("enclosures", ()), *entry.get("media_content", ())]
        ],
    )


def _tags(text: str, namespace: str, local: str) -> Iterator[dict[str, str]]:
    """The attributes of the elements of that name, which feedparser does not know, by whatever prefix they have."""
    if namespace not in text:
        return
    prefixes = re.findall(rf"""xmlns:([\w.-]+)\s*=\s*["']{re.escape(namespace)}["']""", text)
    for tag in _TAG.finditer(_SECTION.sub("", text)):
        prefix, _, name = tag[2].partition(":")
        if name == local and not tag[1] and prefix in prefixes:
            yield {
                match[1]: unescape(match[2] or match[3] or "") for match in _ATTRIBUTE.finditer(tag[3][:_LONGEST_TAG])
            }


def _is_plain(detail: object) -> bool:
    return isinstance(detail, Mapping) and detail.get("type") == "text/plain"


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


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

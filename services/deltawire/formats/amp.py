"""AMP pages with an ``amp-live-list``, and the answers to its polls (formats.md 4)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

import msgspec
from lxml import etree

from deltawire.formats import times
from deltawire.formats.assemble import Read, as_entry, distinct, located, reading, source_id
from deltawire.formats.base import Raw, Unreadable
from deltawire.formats.content import from_html
from deltawire.formats.dom import Page, drop, elements, heading, line, markup, recalled
from deltawire.formats.page import describe, is_markup
from deltawire.model import Coverage, Entry, FeedMeta, Problem, Reading, Tombstone

LIST = "amp-live-list"
CURSOR = "amp_latest_update_time"

_START = re.compile(rf"<{LIST}\b", re.IGNORECASE)
_ADVERT = re.compile(r"ad-\w+", re.ASCII)
_BLANK = b"\xef\xbb\xbf \t\r\n\0"


class Amp:
    """A page is a ``window``: it shows its first items only. The answer to a poll, known by the
    ``amp_latest_update_time`` in its address, is a ``delta``: what did not change may be left out, even everything.
    """

    name: ClassVar[str] = "amp"
    version: ClassVar[int] = 1

    def claims(self, raw: Raw) -> bool:
        if not raw.body.strip(_BLANK):
            return _is_poll(raw)
        return is_markup(raw.body) and b"<" + LIST.encode() in raw.body

    def read(self, raw: Raw) -> Reading:
        coverage: Coverage = "delta" if _is_poll(raw) else "window"
        if coverage == "delta" and not raw.body.strip(_BLANK):
            return reading(format=self.name, version=self.version, feed=FeedMeta(), coverage=coverage, entries=[])
        page = Page(raw)
        lists = [node for node in page.root.iter(LIST) if next(node.iterancestors(LIST), None) is None]
        if not lists:
            raise Unreadable("not-a-live-blog", f"{describe(page.text)} has no {LIST}")
        page.require_whole(_START)
        problems = page.problems
        meta = page.meta()
        entries: list[Entry] = []
        tombstones: list[Tombstone] = []
        for item in _items(lists, problems):
            identity = source_id(item.get("id"))
            if "data-tombstone" in item.attrib:
                at = times.parse_epoch(item.get("data-update-time"))
                tombstones += [Tombstone(source_id=identity, at=at.at if at else None)] if identity else []
                continue
            base = meta.url or raw.url
            entry, found = recalled(raw.memo, f"{self.name}\0{base}", item, partial(_entry, item, base))
            entries.append(entry)
            problems += found
        ascending = all(node.get("sort") == "ascending" for node in lists)
        return reading(
            format=self.name,
            version=self.version,
            # A disabled list asks for no more: the coverage is over, or this is one of its archive pages.
            feed=msgspec.structs.replace(
                meta,
                live=not all("disabled" in node.attrib for node in lists),
                order="oldest-first" if ascending else "newest-first",
            ),
            coverage=coverage,
            entries=entries,
            problems=problems,
            tombstones=tombstones,
        )


def _is_poll(raw: Raw) -> bool:
    try:
        return CURSOR in parse_qs(urlsplit(raw.url).query, keep_blank_values=True)
    except ValueError:
        return False


def _items(lists: list[etree._Element], problems: list[Problem]) -> Iterator[etree._Element]:
    """The items of all lists, adverts left out.

    Raises:
        Unreadable: no list has a place for items, though one is not disabled.
    """
    holders = [child for node in lists for child in node if "items" in child.attrib]
    if not holders and not all("disabled" in node.attrib for node in lists):
        raise Unreadable("empty", f"no {LIST} of the page has an element for its items")
    for holder in holders:
        for item in holder:
            # Adverts are items too, of the first moment of all time (formats.md 2.2).
            is_advert = _ADVERT.fullmatch(item.get("id") or "") and not times.parse_epoch(item.get("data-sort-time"))
            if not isinstance(item.tag, str) or is_advert:
                continue
            if source_id(item.get("id")) is None:
                message = "an item of the list has no id, which AMP demands, and was left out"
                problems.append(Problem(code="bad-update", message=message))
                continue
            yield item


def _entry(item: etree._Element, base: str) -> Read:
    identity = source_id(item.get("id"))
    where = identity or ""
    problems: list[Problem] = []
    published = times.parse_epoch(item.get("data-sort-time"))
    updated = times.parse_epoch(item.get("data-update-time"))
    if published is None:
        problems.append(Problem(code="bad-time", message="the item has no data-sort-time that is a time", where=where))
    title = heading(item)
    authors = [node for node in elements(item) if node.get("itemprop") == "author"]
    names = distinct(_name(node) for node in authors)
    headline = line(title)
    content = from_html(markup(item, without=[*authors, *([] if title is None else [title])]), base)
    return as_entry(
        content,
        published,
        updated,
        source_id=identity,
        url=f"{base.partition('#')[0]}#{identity}" if base.startswith("http") else None,
        title=headline,
        authors=names,
    ), (*problems, *located(content.problems, where))


def _name(author: etree._Element) -> str | None:
    """Who wrote the item, without the address of a mailbox."""
    for link in [node for node in elements(author) if (node.get("href") or "").startswith("mailto:")]:
        drop(link)
    return line(next((node for node in elements(author) if node.get("itemprop") == "name"), author))

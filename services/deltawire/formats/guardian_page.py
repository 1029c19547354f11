"""The Guardian's page as the JSON that its renderer gets (``<page>.json?dcr=true``, formats.md 2.2).

The first page shows 10 to 19 blocks, and the pinned one beside them wherever it belongs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec

from deltawire.formats import text as texts
from deltawire.formats import times
from deltawire.formats.assemble import Read, as_entry, distinct, located, reading, source_id
from deltawire.formats.base import Raw, Unreadable
from deltawire.formats.content import from_html
from deltawire.formats.foreign import load_json, mapping, objects, opening, string
from deltawire.formats.guardian_blocks import block_url, without_auto_links
from deltawire.formats.guardian_elements import element_html
from deltawire.formats.memo import recalled
from deltawire.formats.urls import canonical_url
from deltawire.model import Coverage, Entry, FeedMeta, Problem, Reading

_ELEMENTS = b"model.dotcomrendering.pageElements"
_LABELS = {"keyEvent": "key-event", "summary": "summary", "pinned": "pinned"}
_LIVE = {"LiveBlogDesign": True, "DeadBlogDesign": False}
_READ = ("id", "title", "contributors", "blockFirstPublished", "blockCreatedOn", "blockLastUpdated")

Block = Mapping[str, Any]


class GuardianPage:
    """Coverage is ``full`` if there is but one page, ``delta`` if only key events were asked for, else ``window``."""

    name: ClassVar[str] = "guardian-page"
    version: ClassVar[int] = 2

    def claims(self, raw: Raw) -> bool:
        head = opening(raw)
        if head[:1] != b"{" or re.match(rb'\{\s*"response"\s*:', head):
            return False
        return b'"blocks"' in raw.body and (_ELEMENTS in raw.body or b'"pageType"' in raw.body)

    def read(self, raw: Raw) -> Reading:
        loaded = load_json(raw)
        page = mapping(loaded.value)
        problems = loaded.problems
        design = str(mapping(page.get("format")).get("design"))
        if not isinstance(page.get("blocks"), list):
            raise Unreadable("not-a-live-blog", "the JSON has no list of blocks, so it is no Guardian page")
        if design not in _LIVE and not mapping(page.get("pageType")).get("isLiveblog"):
            raise Unreadable("not-a-live-blog", "the Guardian page is an article, no live blog")
        url = canonical_url(string(page, "webURL"), raw.url)
        labels = _labelled(page)
        entries: list[Entry] = []
        for block in _shown(page):
            marks = labels(block)
            context = f"{self.name}\0{url}\0{marks}"
            entry, noted = recalled(raw.memo, context, _read_of(block), partial(_entry, block, url, marks))
            entries.append(entry)
            problems += noted
        found = reading(
            format=self.name,
            version=self.version,
            feed=FeedMeta(
                title=texts.line(page.get("headline")) or texts.line(page.get("webTitle")),
                url=url,
                language=texts.line(page.get("lang")),
                live=_LIVE.get(design),
            ),
            coverage=_coverage(page),
            entries=entries,
            problems=problems,
            more=_older(page, raw.url),
        )
        return msgspec.structs.replace(found, unstated=_unstated(page))


def _shown(page: Block) -> list[Block]:
    """The blocks of the page and the pinned one, each once, newest first.

    The page leaves the pinned block out of its list when it would stand first there.
    """
    blocks = objects(page["blocks"])
    ids = {source_id(block.get("id")) for block in blocks}
    pinned = mapping(page.get("pinnedPost"))
    return [pinned, *blocks] if pinned and source_id(pinned.get("id")) not in ids else blocks


def _labelled(page: Block) -> Callable[[Block], tuple[str, ...]]:
    """What gives a block its labels: its own attributes, else (pages before 2023) the list of key events.

    That list has the summaries too, which had no title there.
    """
    listed = {
        source_id(event.get("id")): "keyEvent" if texts.line(event.get("title")) else "summary"
        for event in objects(page.get("keyEvents"))
    }
    pinned = source_id(mapping(page.get("pinnedPost")).get("id"))

    def labels(block: Block) -> tuple[str, ...]:
        identity = source_id(block.get("id"))
        attributes = block.get("attributes")
        if isinstance(attributes, dict):
            marks = {key for key in _LABELS if attributes.get(key) is True}
        else:
            marks = {listed[identity]} if identity in listed else set()
        if identity is not None and identity == pinned:
            marks.add("pinned")
        return tuple(label for key, label in _LABELS.items() if key in marks)

    return labels


def _unstated(page: Block) -> tuple[str, ...]:
    """What pages did not tell yet when they were made: bylines until 2021, all labels until 2023."""
    parts = {key for block in objects(page["blocks"]) for key in block}
    told = {"authors": "contributors", "labels": "attributes"}
    return tuple(field for field, key in told.items() if parts and key not in parts)


def _entry(block: Block, page: str | None, labels: tuple[str, ...]) -> Read:
    identity = source_id(block.get("id"))
    where = identity or "a block without id"
    problems: list[Problem] = []
    parts = [element_html(element) for element in objects(block.get("elements"))]
    if None in parts:
        message = f"{parts.count(None)} elements of the block are of a kind without text or address and were left out"
        problems.append(Problem(code="unread-element", message=message, where=where))
    content = from_html(without_auto_links("\n".join(part for part in parts if part)), page)
    problems += located(content.problems, where)
    created = times.inferred(times.parse_epoch(block.get("blockCreatedOn")))
    published = times.parse_epoch(block.get("blockFirstPublished")) or created
    updated = times.parse_epoch(block.get("blockLastUpdated"))
    if published is None:
        problems.append(
            Problem(code="bad-time", message="the block has no time of publication that can be read", where=where)
        )
    title = texts.line(block.get("title"))
    return as_entry(
        content,
        published,
        updated,
        source_id=identity,
        url=block_url(page, identity),
        # Since 2023 the page captions a summary that has no title; it is the label in other words.
        title=None if title == "Summary" and "summary" in labels else title,
        authors=distinct(texts.line(person.get("name")) for person in objects(block.get("contributors"))),
        labels=labels,
    ), tuple(problems)


def _read_of(block: Block) -> list[Any]:
    """The parts of a block that are read, without the ids of its elements: those are new at every render."""
    elements = [
        {key: value for key, value in element.items() if key != "elementId"}
        for element in objects(block.get("elements"))
    ]
    return [elements, *(block.get(key) for key in _READ)]


def _coverage(page: Block) -> Coverage:
    if page.get("filterKeyEvents") is True:
        return "delta"
    pages = mapping(page.get("pagination")).get("totalPages", 1)
    return "full" if pages in (0, 1) else "window"


def _older(page: Block, here: str) -> list[str]:
    """The next older page, in the notation of this one."""
    query = dict(parse_qsl(string(mapping(page.get("pagination")), "older").removeprefix("?")))
    parts = urlsplit(here)
    if "page" not in query or parts.scheme not in ("http", "https") or not parts.path.endswith(".json"):
        return []
    kept = [pair for pair in parse_qsl(parts.query) if pair[0] != "page"]
    return [urlunsplit(parts._replace(query=urlencode([*kept, ("page", query["page"])]), fragment=""))]

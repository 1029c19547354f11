"""Live blogs in the markup of the page itself, as the Mirror's and the Express's publishing systems write it."""

from __future__ import annotations

import re
from functools import partial
from typing import ClassVar, NamedTuple

from lxml import etree

from deltawire.formats import times
from deltawire.formats.assemble import Read, as_entry, distinct, located, reading, source_id
from deltawire.formats.base import Raw, Unreadable
from deltawire.formats.content import from_html
from deltawire.formats.dom import Page, classes, elements, heading, line, markup, recalled
from deltawire.formats.page import describe, has_jsonld_updates, is_markup
from deltawire.formats.urls import canonical_url
from deltawire.model import Problem, Reading


class _Kind(NamedTuple):
    """The class of an entry and of its head, and the attributes with its times, epochs in ms or s."""

    entry: str
    head: str
    published: str
    updated: str


_KINDS = (
    _Kind("live-event-entry", "entry-info", "data-post-time", "data-last-modified-time"),
    _Kind("live-events__entry", "live-events__entry-info", "data-sort-time", "data-update-time"),
)
_START = re.compile(r"""\b(?:live-event-entry|live-events__entry)(?=["'\s>])""")
_MARKED = re.compile(rb"\b(?:live-event-entry|live-events__entry)[\"'\s]")


class LiveblogHtml:
    """Coverage is ``window``: a page has its newest entries only (the Mirror 30 of 428).

    Where the page has JSON-LD updates too those are read instead: all 428 of them (docs/architecture.md).
    """

    name: ClassVar[str] = "liveblog-html"
    version: ClassVar[int] = 1

    def claims(self, raw: Raw) -> bool:
        return is_markup(raw.body) and not has_jsonld_updates(raw.body) and _MARKED.search(raw.body) is not None

    def read(self, raw: Raw) -> Reading:
        page = Page(raw)
        found = [(node, kind) for node in page.root.iter("div") if (kind := _kind(node)) is not None]
        if not found:
            raise Unreadable("not-a-live-blog", f"{describe(page.text)} has no element that is an entry of a live blog")
        page.require_whole(_START)
        problems = page.problems
        meta = page.meta()
        base = meta.url or raw.url
        entries = []
        for node, kind in found:
            entry, noted = recalled(raw.memo, f"{self.name}\0{base}", node, partial(_entry, node, kind, base))
            entries.append(entry)
            problems += noted
        return reading(
            format=self.name,
            version=self.version,
            feed=meta,
            coverage="window",
            entries=entries,
            problems=problems,
        )


def _kind(node: etree._Element) -> _Kind | None:
    names = classes(node)
    return next((kind for kind in _KINDS if kind.entry in names and node.get("id")), None)


def _entry(node: etree._Element, kind: _Kind, base: str) -> Read:
    identity = source_id(node.get("id"))
    where = identity or "an entry without id"
    problems = []
    published, updated = (times.parse_epoch(node.get(name)) for name in (kind.published, kind.updated))
    if published is None:
        problems.append(
            Problem(code="bad-time", message=f"the entry has no {kind.published} that is a time", where=where)
        )
    key_event = node.get("data-type") == "key-event"
    head = next((part for part in elements(node) if kind.head in classes(part)), None)
    title = heading(node)
    headline, names = line(title), distinct(_authors(head, key_event=key_event))
    content = from_html(markup(node, without=[part for part in (head, title) if part is not None]), base)
    return as_entry(
        content,
        published,
        updated,
        source_id=identity,
        url=canonical_url(f"{base.partition('#')[0]}#{identity}"),
        title=headline,
        authors=names,
        labels=("key-event",) if key_event else (),
    ), (*problems, *located(content.problems, where))


def _authors(head: etree._Element | None, *, key_event: bool) -> list[str | None]:
    """Who the head names. On a key event the Mirror says so in the author's place."""
    if head is None:
        return []
    named = [part for part in elements(head) if part.tag == "mark" or any("author" in name for name in classes(part))]
    return [name for name in map(line, named) if not (key_event and (name or "").upper() == "KEY EVENT")]

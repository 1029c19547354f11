"""Quintype's stories of the template ``live-blog``, whose cards are the entries (formats.md 7)."""

from __future__ import annotations

import html
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

from deltawire.formats import text as texts
from deltawire.formats import times
from deltawire.formats.assemble import Read, as_entry, located, reading, source_id
from deltawire.formats.base import Raw, Unreadable
from deltawire.formats.content import from_html
from deltawire.formats.foreign import load_json, mapping, objects, opening, string
from deltawire.formats.memo import recalled
from deltawire.formats.urls import canonical_url
from deltawire.model import Entry, FeedMeta, Problem, Reading

_IMAGES = "https://media.assettype.com/"
"""Where Quintype serves the pictures of all its publishers, by their key."""

_READ = ("id", "card-added-at", "card-updated-at", "metadata", "story-elements")
Card = Mapping[str, Any]


class Quintype:
    """The story as its API has it, bare or under ``story``. It holds every card, so coverage is ``full``."""

    name: ClassVar[str] = "quintype"
    version: ClassVar[int] = 1

    def claims(self, raw: Raw) -> bool:
        head = opening(raw)
        return head[:1] == b"{" and b'"cards"' in raw.body and b'"story-template"' in raw.body

    def read(self, raw: Raw) -> Reading:
        loaded = load_json(raw)
        document = mapping(loaded.value)
        story = document if "cards" in document else mapping(document.get("story"))
        if not isinstance(story.get("cards"), list):
            raise Unreadable("not-a-live-blog", "the JSON has no cards, so it is no Quintype story")
        if story.get("story-template") != "live-blog" and story.get("is-live-blog") is not True:
            kind = texts.line(story.get("story-template")) or "unknown"
            raise Unreadable("not-a-live-blog", f"the Quintype story is of the template {kind[:60]!r}, no live blog")
        problems = loaded.problems
        url = canonical_url(string(story, "url"), raw.url) if story.get("url") else None
        entries: list[Entry] = []
        for card in objects(story["cards"]):
            base = url or raw.url
            known = [card.get(key) for key in _READ]
            entry, found = recalled(raw.memo, f"{self.name}\0{base}", known, partial(_entry, card, base))
            entries.append(entry)
            problems += found
        closed = mapping(story.get("metadata")).get("is-closed")
        return reading(
            format=self.name,
            version=self.version,
            feed=FeedMeta(
                title=texts.line(story.get("headline")),
                url=url,
                live=not closed if isinstance(closed, bool) else None,
                order="oldest-first",
            ),
            coverage="full",
            entries=entries,
            problems=problems,
        )


def _entry(card: Card, base: str) -> Read:
    identity = source_id(card.get("id"))
    where = identity or "a card without id"
    problems: list[Problem] = []
    elements = objects(card.get("story-elements"))
    title = None
    if elements and elements[0].get("type") == "title":
        title, elements = texts.line(elements[0].get("text")), elements[1:]
    parts = [_html(element) for element in elements]
    if unread := parts.count(""):
        message = f"{unread} elements of the card are of a kind without text or address and were left out"
        problems.append(Problem(code="unread-element", message=message, where=where))
    content = from_html("\n".join(parts), base)
    published = times.parse_epoch(card.get("card-added-at"))
    # One publication stamps all cards that were touched since the last with the same time.
    updated = times.parse_epoch(card.get("card-updated-at"))
    if published is None:
        problems.append(Problem(code="bad-time", message="the card has no card-added-at that is a time", where=where))
    is_key = mapping(mapping(card.get("metadata")).get("attributes")).get("key-event") is True
    return as_entry(
        content,
        published,
        updated,
        source_id=identity,
        title=title,
        labels=("key-event",) if is_key else (),
    ), (*problems, *located(content.problems, where))


def _html(element: Card) -> str:
    """An element as HTML, empty where it has nothing to show."""
    text = string(element, "text")
    if element.get("type") == "title":
        return f"<h2>{text}</h2>"
    if key := string(element, "image-s3-key"):
        caption = string(element, "title")
        alt = html.escape(texts.line(string(element, "alt-text") or caption) or "")
        return (
            f'<figure><img src="{html.escape(_IMAGES + key)}" alt="{alt}"><figcaption>{caption}</figcaption></figure>'
        )
    if text:
        return text if texts.has_tags(text) else f"<p>{text}</p>"
    within = "\n".join(map(_html, objects(element.get("story-elements"))))
    address = string(element, "url") or string(mapping(element.get("metadata")), "tweet-url")
    return within or (f'<p><a href="{html.escape(address)}">{html.escape(address)}</a></p>' if address else "")

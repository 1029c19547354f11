"""What the strict and the lenient reader of RSS and Atom both make of a document, before anything is canonical.

The vocabulary and its quirks (which of two descriptions is the content, what a ``guid`` does for a link) are those of
feedparser, the reader of last resort: a feed must not read differently on the day on which it is malformed.
"""

from __future__ import annotations

import msgspec

ATOM = "http://www.w3.org/2005/Atom"
HISTORY = "http://purl.org/syndication/history/1.0"
"""RFC 5005: complete feeds, paged feeds and archives."""

TOMBSTONES = "http://purl.org/atompub/tombstones/1.0"
"""RFC 6721: deleted entries."""

MAX_ITEMS = 20_000


class Passage(msgspec.Struct, kw_only=True):
    """A text with how to understand it; ``type`` is a media type, ``base`` is empty where none is stated."""

    value: str
    type: str
    language: str | None = None
    base: str = ""


class Item(msgspec.Struct, kw_only=True):
    """An item or entry. ``changed`` is ``updated`` in Atom, ``dc:date`` in RSS; times and links are as they stand.

    ``passages`` are what may be the body, the best first; ``media`` pairs addresses with what they are said to hold.
    """

    id: str = ""
    link: str = ""
    title: str | None = None
    plain_title: bool = False
    published: str = ""
    changed: str = ""
    passages: list[Passage] = []
    authors: list[str] = []
    terms: list[str] = []
    media: list[tuple[str, str | None]] = []


class Channel(msgspec.Struct, kw_only=True):
    """The feed itself. ``further`` are its next or previous archive document, ``deleted`` its tombstones (id, when)."""

    atom: bool
    title: str | None = None
    plain_title: bool = False
    link: str = ""
    language: str | None = None
    complete: bool = False
    further: list[str] = []
    deleted: list[tuple[str, str]] = []

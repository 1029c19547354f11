"""What is remembered of places that change without an editor: some hundred bytes for a feed that has them."""

from __future__ import annotations

from typing import Literal

import msgspec

Anchor = Literal["start", "end"]


class Manner(msgspec.Struct, frozen=True, array_like=True):
    """How a stretch changes: one block into one, by few words, beside words of its own that stay."""

    single: bool = False
    few: bool = False
    own: bool = False


class Place(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The ``index``-th block of ``field``, counted from one end, in every entry.

    ``recent`` and ``fresh`` have a bit for each of the last documents, the latest the lowest: it changed there in most
    entries; and to what had not been there before. Once ``learned``: ``still`` counts the looks since it last changed
    in the entries ``seen`` (fingerprints by the head of an id). ``even``: as many blocks come as go. ``manner``
    is how most entries change there. ``pool`` has fingerprints of the shapes that two entries showed. ``start`` and
    ``end`` are the words of the block that stay, where they are as many in all entries.
    """

    field: str
    anchor: Anchor
    index: int
    recent: int = 0
    fresh: int = 0
    learned: bool = False
    even: bool = True
    manner: Manner = Manner()
    still: int = 0
    seen: dict[str, int] = {}
    pool: tuple[int, ...] = ()
    start: int | None = None
    end: int | None = None


class Span(msgspec.Struct, frozen=True, array_like=True):
    """How many blocks of one entry were seen to change, ``votes`` times, as in most others.

    ``start`` and ``end`` are the words that stay, of a single block.
    """

    length: int
    start: int = 0
    end: int = 0
    votes: int = 1

"""An entry's fields, cut into the blocks in which noise stands: lines, paragraphs, links, pictures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from zlib import crc32

from deltawire.differ import compare, words
from deltawire.model import Entry

FIELDS = ("content_text", "content_html", "links", "media", "url")
"""Fields in which noise is learned. Titles, authors and labels are people's."""

LISTS = ("links", "media")

_BLOCK = re.compile(r"(?=<(?:p|ul|ol|li|blockquote|figure|h[1-6]|table|tr|pre|hr|img|video|audio|iframe)[ >/])")
_TAG = re.compile(r"<[^>]*>")
_FIGURED = re.compile(r"\S*\d\S*")
_TOKEN = re.compile(r"(?=\w*\d)(?=\w*[^\W\d])\w{6,}|\d{9,}")


def cut(field: str, entry: Entry) -> list[Any]:
    """The blocks of a field; joined they are the field."""
    value = getattr(entry, field)
    if field == "content_text":
        return list(value.split("\n"))
    if field == "content_html":
        return [part for part in _BLOCK.split(value) if part]
    return list(value) if field in LISTS else [value]


def join(field: str, blocks: Sequence[Any]) -> Any:
    """The field that has these blocks."""
    if field == "content_text":
        return "\n".join(blocks)
    if field == "content_html":
        return "".join(blocks)
    return tuple(blocks) if field in LISTS else blocks[0]


def keys(field: str, blocks: Sequence[Any]) -> list[str]:
    """What blocks are compared by."""
    if field == "links":
        return [f"{link.url} {link.text} {link.rel or ''}" for link in compare.plain(field, blocks)]
    if field == "media":
        return [f"{item.url} {item.type or ''} {item.alt or ''}" for item in compare.plain(field, blocks)]
    return [compare.plain(field, block) or "" for block in blocks]


def common(old: Sequence[str], new: Sequence[str]) -> tuple[int, int]:
    """How many stay at the start and at the end; no more in all than the shorter has."""
    shorter = min(len(old), len(new))
    head = 0
    while head < shorter and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < shorter - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    return head, tail


def words_apart(field: str, old: str, new: str) -> tuple[list[str], list[str]]:
    """The words of two blocks: what is read, or where that is the same in both, all that stands there."""
    if field == "content_html" and (a := read(old)) != (b := read(new)):
        old, new = a, b
    return _words(old), _words(new)


def read(markup: str) -> str:
    """What a reader sees of markup: all but the tags."""
    return _TAG.sub(" ", markup)


def _words(block: str) -> list[str]:
    return [token for token in words.tokens(block) if token[0].isalnum()]


def token_like(old: Sequence[str], new: Sequence[str]) -> bool:
    """Whether two blocks differ in one word only that nobody writes: letters and digits mixed, or many digits."""
    head, tail = common(old, new)
    changed = [*old[head : len(old) - tail], *new[head : len(new) - tail]]
    return len(old) == len(new) == head + tail + 1 and all(_TOKEN.fullmatch(word) for word in changed)


def shape(field: str, key: str) -> int:
    """A fingerprint of a block. In text figures are left out of it; in an address they may be all there is."""
    return crc32((_FIGURED.sub("#", key) if field.startswith("content") else key).encode())

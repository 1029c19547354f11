"""A feed cut into the raw bytes of its items, so that only those not seen before are parsed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from deltawire.formats.base import BEGINNING, Begun

_ATTRIBUTES = rb"""(?:\s+[^\s=<>"']+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*\s*>"""
_START = re.compile(rb"<(rss|rdf:RDF|feed)" + _ATTRIBUTES)
_CHANNEL = re.compile(rb"\s*(<channel" + _ATTRIBUTES + rb")")
_AFTER_NAME = {b" ", b"\t", b"\r", b"\n", b">"}
_UNKNOWN = (0, 0)
_SPACE = b" \t\r\n"
_MAX_QUOTED = 20
# It is parsed once more with each item.
_LONGEST_START = 8 * 1024


class Cut(NamedTuple):
    """``frame`` is the document with an empty element in place of each of the ``runs`` of items.

    Items between which nothing stands are a run. An item between ``before`` and ``after`` is a document of its own,
    which reads as it does where it was cut out. ``depth`` is how many ancestors it has there.
    """

    frame: bytes
    before: bytes
    after: bytes
    depth: int
    runs: int
    items: list[bytes]


def cut(body: bytes, begun: Begun) -> Cut | None:
    """Cut a document that begins with its root element; null where it cannot be.

    Where an item follows that is known by how it ``begun``, its end is too: nothing before it has a say in that.

    The cuts are a guess, and what proves it is that the frame and, put between ``before`` and ``after``, each item
    parse and that the frame has as many items at that depth as there are runs: an empty element was then put for
    balanced elements in a place where elements stand, so the whole is well-formed, and has these items. A cut inside a
    comment or a CDATA section leaves a frame with fewer.
    """
    root = _START.match(body)
    if root is None:
        return None
    before, after, depth = root[0], b"</" + root[1] + b">", 1
    if root[1] == b"rss":
        # Nothing but space before it: a comment could quote another one.
        channel = _CHANNEL.match(body, root.end())
        if channel is None:
            return None
        before, after, depth = before + channel[1], b"</channel>" + after, 2
    elif root[1] == b"rdf:RDF":
        # A channel, without which it is no feed; its items stand beside it.
        before += b"<channel/>"
    name = b"entry" if root[1] == b"feed" else b"item"
    found = _items(body, root.end(), name, begun) if len(before) <= _LONGEST_START else None
    if not found:
        return None
    empty = b"<" + name + b"/>"
    parts, end, runs = [], 0, 0
    for first, item in found:
        between = body[end:first]
        if not runs or between.strip(_SPACE):
            parts += [between, empty]
            runs += 1
        end = first + len(item)
    frame = b"".join([*parts, body[end:]])
    return Cut(frame, before, after, depth, runs, [item for _, item in found])


def batched(items: Sequence[bytes], size: int) -> Iterator[Sequence[bytes]]:
    """The items in their order, as many at a time as have so many bytes, but at least one."""
    first = 0
    while first < len(items):
        last, total = first + 1, len(items[first])
        while last < len(items) and total + len(items[last]) <= size:
            total += len(items[last])
            last += 1
        yield items[first:last]
        first = last


def _items(body: bytes, at: int, name: bytes, begun: Begun) -> list[tuple[int, bytes]] | None:
    """What seem to be the items, and where each begins; null if one seems never to end."""
    opening, closing = b"<" + name, b"</" + name + b">"
    items = []
    while (first := body.find(opening, at)) >= 0:
        at = first + len(opening)
        if body[at : at + 1] not in _AFTER_NAME:
            continue
        length, known = begun.get(body[first : first + BEGINNING], _UNKNOWN)
        item = body[first : first + length]
        if length and hash(item) == known:
            items.append((first, item))
            at = first + length
            continue
        for _ in range(_MAX_QUOTED):
            end = body.find(closing, at)
            if end < 0:
                return None
            at = end + len(closing)
            # A CDATA section that is still open quotes the end of an item. One byte is looked for much faster.
            if body.find(b"[", first, at) < 0 or _last_cdata(body, first, at) < 0:
                break
        items.append((first, body[first:at]))
    return items


def _last_cdata(body: bytes, first: int, last: int) -> int:
    """Where the CDATA section begins that is still open at the end, or less than 0."""
    return body.rfind(b"<![CDATA[", max(first, body.rfind(b"]]>", first, last)), last)

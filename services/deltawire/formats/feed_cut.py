"""A feed cut into the raw bytes of its items, so that only those not seen before are parsed."""

from __future__ import annotations

import re
from typing import NamedTuple

_ATTRIBUTES = rb"""(?:\s+[^\s=<>"']+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*\s*>"""
_START = re.compile(rb"<(rss|rdf:RDF|feed)" + _ATTRIBUTES)
_CHANNEL = re.compile(rb"\s*(<channel" + _ATTRIBUTES + rb")")
_AFTER_NAME = {b" ", b"\t", b"\r", b"\n", b">"}
_MAX_QUOTED = 20
# It is parsed once more with each item.
_LONGEST_START = 8 * 1024


class Cut(NamedTuple):
    """``frame`` is the document with an empty element in place of each item.

    An item between ``before`` and ``after`` is a document of its own, which reads as it does where it was cut out.
    ``depth`` is how many ancestors it has there.
    """

    frame: bytes
    before: bytes
    after: bytes
    depth: int
    items: list[bytes]


def cut(body: bytes) -> Cut | None:
    """Cut a document that begins with its root element; null where it cannot be.

    The cuts are a guess, and what proves it is that the frame and, put between ``before`` and ``after``, each item
    parse and that the frame has as many items at that depth as were cut out: an empty element was then put for one
    balanced element in a place where elements stand, so the whole is well-formed, and has these items. A cut inside a
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
    spans = _spans(body, root.end(), name) if len(before) <= _LONGEST_START else None
    if not spans:
        return None
    parts, end = [], 0
    for first, last in spans:
        parts += [body[end:first], b"<", name, b"/>"]
        end = last
    return Cut(b"".join([*parts, body[end:]]), before, after, depth, [body[first:last] for first, last in spans])


def _spans(body: bytes, at: int, name: bytes) -> list[tuple[int, int]] | None:
    """Where the items seem to begin and end; null if one seems never to end."""
    opening, closing = b"<" + name, b"</" + name + b">"
    spans = []
    while (first := body.find(opening, at)) >= 0:
        at = first + len(opening)
        if body[at : at + 1] not in _AFTER_NAME:
            continue
        for _ in range(_MAX_QUOTED):
            end = body.find(closing, at)
            if end < 0:
                return None
            at = end + len(closing)
            # A CDATA section that is still open quotes the end of an item.
            if body.rfind(b"<![CDATA[", max(first, body.rfind(b"]]>", first, at)), at) < 0:
                break
        spans.append((first, at))
    return spans

"""A feed cut into the raw bytes of its items, so that only those not seen before are parsed."""

from __future__ import annotations

import re
from typing import NamedTuple

_START = re.compile(rb"""<(rss|rdf:RDF|feed|channel)(?:\s+[^\s=<>"']+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*\s*>""")
_CHANNEL = re.compile(rb"<channel(?=[\s>])")
_TOKENS = {
    name: re.compile(rb"<(?:(!--)|(!\[CDATA\[)|(\?)|(!)|(/)?" + name + rb"(?=[\s/>]))") for name in (b"item", b"entry")
}


class Cut(NamedTuple):
    """``frame`` is the document with an empty element in place of each item.

    An item between ``before`` and ``after`` is a document of its own, which reads as it does where it was cut out.
    """

    frame: bytes
    before: bytes
    after: bytes
    items: list[bytes]


def cut(body: bytes) -> Cut | None:
    """Cut a document that begins with its root element; null where the cuts could not be relied on.

    In well-formed XML "<" stands nowhere but where markup begins, in comments, CDATA sections and instructions, and
    those are stepped over. Each part is parsed by itself, and a part that is not balanced does not parse: so where the
    frame and all items do, the whole is well-formed, and has these items.
    """
    root = _START.match(body)
    if root is None or root[1] == b"channel":
        return None
    before, after = root[0], b"</" + root[1] + b">"
    if root[1] == b"rss":
        found = _CHANNEL.search(body, root.end())
        channel = _START.match(body, found.start()) if found else None
        if channel is None:
            return None
        before, after = before + channel[0], b"</channel>" + after
    elif root[1] == b"rdf:RDF":
        # A channel, without which it is no feed; its items stand beside it.
        before += b"<channel/>"
    name = b"entry" if root[1] == b"feed" else b"item"
    spans = _spans(body, root.end(), name)
    if not spans:
        return None
    parts, end = [], 0
    for first, last in spans:
        parts += [body[end:first], b"<", name, b"/>"]
        end = last
    return Cut(b"".join([*parts, body[end:]]), before, after, [body[first:last] for first, last in spans])


def _spans(body: bytes, at: int, name: bytes) -> list[tuple[int, int]] | None:
    """Where each item begins and ends; null if they are nested, or a comment or the like is never closed."""
    token = _TOKENS[name]
    spans = []
    begun = -1
    while (match := token.search(body, at)) is not None:
        comment, section, instruction, declaration, closing = match.groups()
        if declaration:
            return None
        if comment or section or instruction:
            mark = b"-->" if comment else b"]]>" if section else b"?>"
            at = body.find(mark, match.end()) + len(mark)
            if at < match.end():
                return None
        elif closing:
            at = body.find(b">", match.end()) + 1
            if begun < 0 or at == 0:
                return None
            spans.append((begun, at))
            begun = -1
        elif begun >= 0:
            return None
        else:
            begun, at = match.start(), match.end()
    return spans if begun < 0 else None

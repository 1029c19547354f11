"""What a text shows that looks like a live blog's times but is not understood, for the refusal to say."""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

from deltawire.formats.plaintext_marks import Chain

_CLOCK = re.compile(
    r"(?:^|(?<=[.!?…]) )[ \t]*(?P<clock>(?:\d{4}-\d\d-\d\d[T ])?(?:[01]?\d|2[0-3])(?:[.:]| ?[hH] ?)[0-5]\d(?!\d)"
    r"(?: ?[ap]\.?m\b\.?| ?Uhr\b)?(?: [A-Z]{2,5}\b)?)",
    re.MULTILINE,
)
_UNKNOWN_ZONE = re.compile(r" ([A-Z]{2,5})\b")
_LIKE_A_BLOG = 3


class Unread(NamedTuple):
    """How many clock times begin a line or a sentence, and the first of them."""

    number: int
    example: str

    @property
    def like_a_blog(self) -> bool:
        return self.number >= _LIKE_A_BLOG


def unread_clocks(text: str) -> Unread:
    found = [match["clock"] for match in _CLOCK.finditer(text)]
    return Unread(len(found), found[0] if found else "")


def names_unknown_zone(chain: Chain, text: str) -> bool:
    """Whether most of a chain's times are followed by one word in capitals that is no zone known here ("16:58 CAT")."""
    if any(mark.zone for mark in chain.starts):
        return False
    after = (_UNKNOWN_ZONE.match(text, mark.end) for mark in chain.starts)
    words = Counter(match[1] for match in after if match)
    return max(words.values(), default=0) * 2 > len(chain.starts)

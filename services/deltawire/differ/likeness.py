"""How much two states of an entry look like one: words, figures and names, links."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice

from rapidfuzz.distance import Indel

from deltawire.differ import noise
from deltawire.model import Entry

COMPARED = 100
"""Words of each text that are compared: enough to tell entries apart, and a bound on the cost of a pair."""

CHARACTERS = 1_000
"""Characters of each text in which those words are looked for."""

UNLIKE = 0.3
"""Below this likeness texts have no more in common than any two have."""

_WORD = re.compile(r"\w+(?:[.,]\d+)*")
_NUMBERS = frozenset(
    [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
        "twenty",
        "thirty",
        "forty",
        "fifty",
        "sixty",
        "seventy",
        "eighty",
        "ninety",
        "hundred",
        "thousand",
        "million",
        "billion",
    ]
)
_HEAD, _LONGER, _CLOSE = 8, 0.05, 1.1
_FIRST, _LAST = 0x10000, 0x10FFFF


class Sketch:
    """What is compared of an entry. ``code`` has one character a word, so that texts are compared word by word."""

    __slots__ = ("_early", "_telling", "code", "links")

    def __init__(self, code: str, words: Sequence[str], links: frozenset[str]) -> None:
        self.code = code
        self.links = links
        self._telling = telling(words)
        # Where the text was cut, a word more in it pushes others out at the end: they are no difference.
        self._early = telling(words[: COMPARED * 4 // 5]) if len(words) >= COMPARED else self._telling

    def differs(self, other: Sketch) -> frozenset[str]:
        """The figures and names that only one of the two has."""
        return (self._early - other._telling) | (other._early - self._telling)


class Sketches:
    """Makes sketches that can be compared with each other: they share one vocabulary."""

    def __init__(self) -> None:
        self._vocabulary: dict[str, str] = {}

    def of(self, entry: Entry) -> Sketch:
        text = f"{entry.title or ''}\n{noise.text(entry.content_text[:CHARACTERS])}"
        words = [match[0] for match in islice(_WORD.finditer(text), COMPARED)]
        links = {link.url for link in entry.links} | {item.url.partition("?")[0] for item in entry.media}
        return Sketch("".join(map(self._letter, words)), words, frozenset(links))

    def _letter(self, word: str) -> str:
        number = _FIRST + len(self._vocabulary)
        return self._vocabulary.setdefault(word.casefold(), chr(min(number, _LAST)))


def telling(words: Sequence[str]) -> frozenset[str]:
    """The figures and names among the words: what twins differ in ("Six killed in …" of this place and of that)."""
    found = {w.casefold() for w in words if figure(w)}
    # The word before tells a name from the first word of a sentence only roughly, and it need not: this is evidence.
    found.update(w.casefold() for w in islice(words, 1, None) if w[0].isupper())
    return frozenset(found)


def figure(word: str) -> bool:
    return word[0].isdigit() or word.casefold() in _NUMBERS


def similarity(a: Sketch, b: Sketch) -> float:
    """From 0 to 1, by the words that stand in both in the same order; 0 below ``UNLIKE``.

    A text that only goes on, or ends earlier, is judged by the part that both have.
    """
    if not a.code or not b.code:
        return float(a.code == b.code and a.links == b.links)
    whole: float = Indel.normalized_similarity(a.code, b.code, score_cutoff=UNLIKE)
    short, long = sorted((len(a.code), len(b.code)))
    if short < _HEAD or short * _CLOSE >= long:
        return whole
    head: float = Indel.normalized_similarity(a.code[:short], b.code[:short], score_cutoff=UNLIKE)
    return max(whole, head - _LONGER)

"""What an update means: its significance, from what changed. The rules are documented in docs/events.md."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import msgspec
from rapidfuzz.distance import DamerauLevenshtein

from deltawire.differ.words import tokens
from deltawire.events import Change
from deltawire.model import Significance

NEW_INFORMATION = 6
"""Words added, or taken away, in one place from which on it is a statement and no touch-up."""

_NUMBER_WORDS = frozenset(
    {
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
        "dozen",
        "dozens",
        "hundreds",
        "thousands",
        "millions",
        "half",
        "double",
        "twice",
    }
)
_NEGATIONS = frozenset(
    {
        "no",
        "not",
        "never",
        "none",
        "nobody",
        "nothing",
        "neither",
        "nor",
        "without",
        "denied",
        "denies",
        "deny",
        "cannot",
    }
)
_CORRECTION = re.compile(r"\b(correction|corrected|clarification|clarified|an earlier version)\b", re.IGNORECASE)
_PLAIN = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "."})


def significance(changes: Sequence[Change]) -> Significance:
    """``cosmetic``: the same statement, spelt or set otherwise; ``substantive``: another statement; else ``minor``."""
    fields = {change.field for change in changes}
    texts = [change for change in changes if change.field in ("title", "content_text")]
    if not texts:
        return "cosmetic" if fields <= {"content_html", "url"} else "minor"
    grades = [_grade(deleted, inserted) for change in texts for deleted, inserted in _replacements(change)]
    if "substantive" in grades:
        return "substantive"
    if "minor" in grades or fields - {"title", "content_text", "content_html", "url"}:
        return "minor"
    return "cosmetic"


def _replacements(change: Change) -> list[tuple[str, str]]:
    """The changed places of a text, each as (deleted, inserted)."""
    if change.diff is msgspec.UNSET:
        return [(change.old or "", change.new or "")]
    places: list[tuple[str, str]] = []
    deleted = inserted = ""
    for op, text in change.diff:
        if op == "=":
            if deleted or inserted:
                places.append((deleted, inserted))
            deleted = inserted = ""
        elif op == "-":
            deleted += text
        else:
            inserted += text
    return [*places, (deleted, inserted)] if deleted or inserted else places


def _grade(deleted: str, inserted: str) -> Significance:
    old, new = _words(deleted), _words(inserted)
    if [w.casefold() for w in old] == [w.casefold() for w in new]:
        return "cosmetic"
    if _figures(old) != _figures(new) or _negated(old) != _negated(new) or _CORRECTION.search(inserted):
        return "substantive"
    if _same_but_for_spelling(old, new):
        return "cosmetic"
    if _names(old) != _names(new) or max(len(old), len(new)) >= NEW_INFORMATION:
        return "substantive"
    return "minor"


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKC", text).translate(_PLAIN)
    return [t for t in tokens(plain) if t[0].isalnum()]


def _figures(words: Sequence[str]) -> list[str]:
    return [w.casefold() for w in words if w[0].isdigit() or w.casefold() in _NUMBER_WORDS]


def _negated(words: Sequence[str]) -> int:
    # "didn't" is cut into "didn" and "t"
    return sum(w.casefold() in _NEGATIONS or (w.casefold() == "t") for w in words)


def _names(words: Sequence[str]) -> list[str]:
    return [w for w in words if w[0].isupper()]


def _same_but_for_spelling(old: Sequence[str], new: Sequence[str]) -> bool:
    """Word by word the same, but for one or two letters in words long enough for that to be a slip."""
    if len(old) != len(new):
        return "".join(old).casefold() == "".join(new).casefold()
    return all(a.casefold() == b.casefold() or _slip(a, b) for a, b in zip(old, new, strict=True))


def _slip(a: str, b: str) -> bool:
    length = min(len(a), len(b))
    if a[0].isupper() or b[0].isupper():
        allowed = 1 if length >= 6 else 0  # Iran and Iraq are two countries, Starner and Starmer one man
    else:
        allowed = 0 if length < 4 else 1 if length < 6 else 2
    return DamerauLevenshtein.distance(a.casefold(), b.casefold()) <= allowed

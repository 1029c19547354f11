"""Text search as PostgreSQL is given it: words are cut and folded here, so that no dictionary of the server decides.

A word is a run of letters and digits, in lower case and without the accents of Latin, Greek and Cyrillic: what
FTS5's ``unicode61 remove_diacritics 2`` makes of a text in the SQLite engine. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence

from deltawire.store.query import Term

LAST_POSITION = 16_383
POSITIONS_OF_A_WORD = 255
"""PostgreSQL remembers no more; what lies beyond is found as a word, but not as part of a phrase."""

LONGEST_WORD = 255
"""Characters of a word that count. A lexeme may have 2046 bytes."""

MOST_WORDS = 256
"""Of a query, all its phrases together."""

DOCUMENT_BYTES = 512 * 1024
"""A tsvector may have 1 MiB: words after so many bytes are not found."""

_WORD = re.compile(r"[^\W_]+")
_ACCENTS = dict.fromkeys(range(0x300, 0x370))


def words(text: str) -> list[str]:
    """The words of a text, in order."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).translate(_ACCENTS))
    found: list[str] = _WORD.findall(text.lower())
    return [word[:LONGEST_WORD] for word in found] if len(text) > LONGEST_WORD else found


def document(title: str | None, text: str) -> str:
    """The text form of a tsvector: the title's words have weight A, and no phrase reaches from title to text."""
    title_words = words(title or "")
    gap = len(title_words) + 1
    places: defaultdict[str, list[int]] = defaultdict(list)
    for position, word in enumerate(title_words, start=1):
        places[word].append(position)
    for position, word in enumerate(words(text), start=gap + 1):
        places[word].append(position)
    lexemes = []
    size = 0
    for word, at in places.items():
        kept = at[:POSITIONS_OF_A_WORD]
        if kept[-1] > LAST_POSITION:
            kept = [position for position in kept if position <= LAST_POSITION]
        size += len(word.encode()) + 8 + 2 * len(kept)
        if size > DOCUMENT_BYTES:
            break
        shown = map(str, kept) if at[0] > gap else (f"{n}A" if n < gap else str(n) for n in kept)
        lexemes.append(f"'{word}':{','.join(shown)}" if kept else f"'{word}'")
    return " ".join(lexemes)


def expression(terms: Sequence[Term]) -> str:
    """The text form of a tsquery that all terms must match; empty where they hold no word.

    Raises:
        ValueError: they hold more than MOST_WORDS.
    """
    phrases = [(words(term.text), ":*" if term.prefix else "") for term in terms]
    count = sum(len(phrase) for phrase, _ in phrases)
    if count > MOST_WORDS:
        raise ValueError(f"the search holds {count} words: type at most {MOST_WORDS}")
    return " & ".join("('" + "' <-> '".join(phrase) + f"'{end})" for phrase, end in phrases if phrase)

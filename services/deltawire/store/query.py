"""What people type into a search box, read into terms: nothing that they type is ever an error of syntax. Pure."""

from __future__ import annotations

import re
import unicodedata

import msgspec

MAX_TERMS = 32

_PIECE = re.compile(r'"([^"]*)"?(\*?)|([^\s"]+)')


class Term(msgspec.Struct, frozen=True):
    """A word or a phrase; with ``prefix`` its last word may go on."""

    text: str
    prefix: bool = False


def parse(query: str) -> list[Term]:
    """The terms of a query, all of which must match: words, ``"quoted phrases"``, ``beginn*``.

    Raises:
        ValueError: there is no word in it, or more than MAX_TERMS.
    """
    terms = []
    for phrase, star, word in _PIECE.findall(query):
        if word:
            terms.append(Term(word.rstrip("*"), prefix=word.endswith("*")))
        else:
            terms.append(Term(phrase, prefix=bool(star)))
    terms = [term for term in terms if _has_word(term.text)]
    if not terms:
        raise ValueError("the search holds no word: type at least one letter or digit")
    if len(terms) > MAX_TERMS:
        raise ValueError(f"the search holds {len(terms)} words: type at most {MAX_TERMS}")
    return terms


def _has_word(text: str) -> bool:
    return any(unicodedata.category(character)[0] in "LN" for character in text)

"""Figures, in digits or in words, as values: "1,200", "1.2k" and "twelve hundred" are one figure."""

from __future__ import annotations

import re
from decimal import Decimal

from deltawire.differ import lexicon

_SMALL = {
    word: value
    for value, words in enumerate(
        (
            "zero null zéro cero",
            "one eins uno",
            "two zwei deux dos",
            "three drei trois tres",
            "four vier quatre cuatro",
            "five fünf cinq cinco",
            "six sechs seis",
            "seven sieben siete",
            "eight acht huit ocho",
            "nine neun neuf nueve",
            "ten zehn dix diez",
            "eleven elf onze",
            "twelve zwölf douze doce",
            "thirteen dreizehn treize trece",
            "fourteen vierzehn quatorze catorce",
            "fifteen fünfzehn quinze quince",
            "sixteen sechzehn seize dieciséis",
            "seventeen siebzehn diecisiete",
            "eighteen achtzehn dieciocho",
            "nineteen neunzehn diecinueve",
        )
    )
    for word in words.split()
}
_TENS = {
    word: value * 10
    for value, words in enumerate(
        (
            "twenty zwanzig vingt veinte",
            "thirty dreißig dreissig trente treinta",
            "forty vierzig quarante cuarenta",
            "fifty fünfzig cinquante cincuenta",
            "sixty sechzig soixante sesenta",
            "seventy siebzig setenta",
            "eighty achtzig ochenta",
            "ninety neunzig noventa",
        ),
        2,
    )
    for word in words.split()
}
SCALES = {
    word: value
    for value, words in (
        (12, "dozen dutzend douzaine docena"),
        (100, "hundred hundert cien ciento"),
        (1000, "thousand tausend mille mil k"),
        (10**6, "million millionen millions millón millones m mn"),
        (10**9, "billion milliarde milliarden milliard milliards bn"),
        (10**12, "trillion billionen tn"),
    )
    for word in words.split()
}
GLUED = frozenset({"k", "m", "mn", "bn", "tn"})
"""Scales that only a figure in digits can have."""

_ORDINALS = {
    word: value
    for value, words in (
        (1, "first erste erster ersten premier première primer primera primero"),
        (2, "second zweite zweiten zweiter deuxième segundo segunda"),
        (3, "third dritte dritten troisième tercer tercera tercero"),
        (4, "fourth vierte quatrième"),
        (5, "fifth fünfte cinquième"),
        (6, "sixth"),
        (7, "seventh"),
        (8, "eighth"),
        (9, "ninth"),
        (10, "tenth"),
        (11, "eleventh"),
        (12, "twelfth"),
        (20, "twentieth"),
        (100, "hundredth"),
    )
    for word in words.split()
}
_PARTS = {"half": 2, "halves": 2, "third": 3, "thirds": 3, "quarter": 4, "quarters": 4, "fifth": 5, "fifths": 5}
_MANY = lexicon.words(
    "dozens hundreds thousands millions billions tens scores dutzende hunderte tausende dizaines centaines milliers"
    " decenas cientos miles"
)
_TIMES = {"twice": 2, "double": 2, "doubled": 2, "doubles": 2, "triple": 3, "tripled": 3, "thrice": 3, "halved": -2}
OPENERS = frozenset({"a", "an", "half"}).union(_SMALL, _TENS, SCALES, _ORDINALS, _MANY, _TIMES)
"""Words that a figure in words may begin with."""

_GROUPED = re.compile(r"\d{1,3}([ ,.'])\d{3}(?:\1\d{3})*(?:[.,]\d{1,2})?")
LONGEST = 40
"""Signs beyond which a run of digits is a text, and no value."""

MOST_WORDS = 12
"""Digits and words of one number; what goes beyond them is another."""


def value_of(digits: str) -> Decimal:
    """The value of a figure in digits: three digits after a separator are thousands, other numbers of them decimals."""
    match = _GROUPED.fullmatch(digits)
    if match and not (match[1] == "." and digits.startswith("0.")):
        digits = digits.replace(match[1], "")
    return Decimal(digits.replace(",", ".").replace(" ", "").replace("'", ""))


def is_number_word(word: str) -> bool:
    return word in _SMALL or word in _TENS or (word in SCALES and word not in GLUED) or word in _ORDINALS


def many(word: str) -> bool:
    """Whether the word is a number that is left open: "dozens"."""
    return word in _MANY


def times(word: str) -> int | None:
    return _TIMES.get(word)


def scaled(value: Decimal, words: list[str], at: int, *, glued: bool) -> tuple[Decimal, int]:
    """A figure in digits with the scale after it: "4", "million". ``at`` is the word after the digits."""
    most = at + MOST_WORDS
    while at < min(len(words), most) and words[at] in SCALES and (words[at] not in GLUED or glued):
        value *= SCALES[words[at]]
        at += 1
        glued = False
    return value, at


def spelt(words: list[str], start: int) -> tuple[Decimal, bool, int] | None:
    """The number that the words from ``start`` on spell: its value, whether it is an ordinal, and the word after it.

    "two hundred and five", "a dozen", "half a million", "two thirds", "twenty-first"; null where there is none.
    """
    at, total, group, seen = start, Decimal(0), Decimal(0), False
    if words[at] in ("a", "an"):
        following = words[at + 1 : at + 3]
        part = bool(following) and (following[0] in ("half", "quarter") or following == ["third", "of"])
        if not part and not (following and following[0] in SCALES and following[0] not in GLUED):
            return None
        if part:
            return Decimal(1) / _PARTS[following[0]], False, at + 2
        group, at, seen = Decimal(1), at + 1, True
    if words[at] == "half":
        if words[at + 1 : at + 2] in (["a"], ["an"]) and words[at + 2 : at + 3] and words[at + 2] in SCALES:
            return Decimal(SCALES[words[at + 2]]) / 2, False, at + 3
        return Decimal("0.5"), False, at + 1
    while at < min(len(words), start + MOST_WORDS):
        word = words[at]
        if word in _SMALL or word in _TENS:
            if group % 100 and not (word in _SMALL and _SMALL[word] < 10 and group % 10 == 0):
                break
            group += _SMALL.get(word, 0) + _TENS.get(word, 0)
        elif word in _ORDINALS and not (seen and word in _PARTS and _follows_part(words, at)):
            if seen and group % 10:
                break
            return total + group + _ORDINALS[word], True, at + 1
        elif word in SCALES and word not in GLUED:
            scale = SCALES[word]
            if scale <= 100:
                group = (group or Decimal(1)) * scale
            else:
                total += (group or Decimal(1)) * scale
                group = Decimal(0)
        elif word == "and" and seen and at + 1 < len(words):
            if words[at + 1 : at + 3] == ["a", "half"]:
                return total + group + Decimal("0.5"), False, at + 3
            if not (words[at - 1] in ("hundred", "thousand") and (words[at + 1] in _SMALL or words[at + 1] in _TENS)):
                break
        elif word in _PARTS and seen:
            return (total + group) / _PARTS[word], False, at + 1
        else:
            break
        seen = True
        at += 1
    return (total + group, False, at) if seen else None


def _follows_part(words: list[str], at: int) -> bool:
    return words[at + 1 : at + 2] == ["of"]

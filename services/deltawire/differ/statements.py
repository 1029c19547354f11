"""A stretch of text as the items that it states: figures, dates, turns, names and other words."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal
from functools import lru_cache
from typing import Literal, NamedTuple

import msgspec

from deltawire.differ import lexicon, numbers
from deltawire.formats.times import MONTHS, ZONES

Kind = Literal["figure", "date", "day", "negation", "attribution", "modality", "outcome", "name", "word"]


class Item(NamedTuple):
    """``key`` is equal for two ways to write one thing; ``text`` is as written, lower case."""

    kind: Kind
    key: str
    text: str


class _Token(msgspec.Struct, gc=False):
    raw: str
    word: str
    glued: bool
    before: str


_PLAIN = str.maketrans(
    {
        **dict.fromkeys("’‘ʼ`´", "'"),
        **dict.fromkeys("“”„«»", '"'),
        **dict.fromkeys("–—‒‑−", "-"),
        **dict.fromkeys("\u00ad\u200b\u200c\u200d\ufeff"),
        "⁄": "/",
    }
)
_VULGAR = re.compile(r"(?<=\d)(?=[¼½¾⅓⅔])")
_JOINED = re.compile(r"(?<=[\u0e00-\u0eff\u3040-\u9fff\uac00-\ud7af])(?=\d)|(?<=\d)(?=[\u3040-\u9fff\uac00-\ud7af])")
_INITIALS = re.compile(r"[A-Z](?<!\w[A-Z])\.(?:[A-Z]\.)+")
_TOKEN = re.compile(
    r"(?P<word>[^\W\d_]\w*(?:'\w+)*)"
    r"|(?P<clock>(?<![\w.,])\d{1,2}(?:[.:]\d\d)? ?[ap]\.?m\b|(?<![\w.,])\d{1,2}[:h]\d\d(?::\d\d)?(?!\w))"
    r"|(?P<iso>(?<!\w)\d{4}-\d\d-\d\d(?!\w))"
    r"|(?P<pair>(?<![\w-])\d+[-/]\d+(?:/\d+)?(?![\w-]))"
    r"|(?P<number>(?<![\w.])\d{1,3}(?:(?P<gap>[ ,.'])\d{3})(?:(?P=gap)\d{3})*(?:[.,]\d{1,2})?(?!\w*\d)|\d+(?:[.,]\d+)?)"
    r"|(?P<sign>[$£€¥₹%°])"
)
_HALF_DAY = re.compile(r"\d+(?:[.:](\d\d))? ?([ap])")
_SENTENCE = re.compile(r"[.!?:\n\"•-]\s*\Z")
_AT = lexicon.words("at by from until till since around before after um à las")
_BOUNDS = {
    ("at", "least"): "≥",
    ("no", "fewer", "than"): "≥",
    ("no", "less", "than"): "≥",
    ("more", "than"): ">",
    ("over",): ">",
    ("fewer", "than"): "<",
    ("less", "than"): "<",
    ("under",): "<",
    ("up", "to"): "≤",
    ("at", "most"): "≤",
    ("no", "more", "than"): "≤",
    ("mindestens",): "≥",
    ("mehr", "als"): ">",
    ("au", "moins"): "≥",
    ("plus", "de"): ">",
    ("al", "menos"): "≥",
    ("más", "de"): ">",
}
_FIGURE_OPENERS = numbers.OPENERS.union((words[0] for words in _BOUNDS), "$£€¥₹")
_MONTH_PREPOSITIONS = lexicon.words("in since until by from last next early late mid this during of")
_SAYING = lexicon.words("said says was has is told added will met had did does would may")
_CONTRACTED = {"'ll": "will", "'ve": "have", "'re": "are", "'d": "would", "'m": "am"}
_IS = lexicon.words("it he she that there what who where here")
_ELIDED = re.compile(r"(?:l|d|j|s|c|qu|n|m|t)'(?=\w{2})", re.IGNORECASE)
_TITLE_CASE = 0.8
_TELLING = _FIGURE_OPENERS.union(
    *(lexicon.MONTHS_ABROAD, lexicon.WEEKDAYS, lexicon.RELATIVE_DAYS, ("noon", "midnight"), map(str.casefold, ZONES)),
    *(lexicon.PHRASE_OPENERS, lexicon.NEGATIONS, lexicon.MODALS, lexicon.OUTCOMES, lexicon.SPEECH),
    *(lexicon.HONORIFICS, lexicon.ROLES, ("pm", "longer")),
)
"""Words that may be more than a word though they begin with a small letter: of most nothing else need be asked."""
_PLAIN_WORDS = 4096
"""Others that are remembered: a few thousand are most of any text."""


def plain(text: str) -> str:
    """The text in plain typography: one kind of quotes, dashes and blanks, no invisible characters."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", _VULGAR.sub(" ", text))
        text = _JOINED.sub(" ", text.translate(_PLAIN))
    else:
        text = text.replace("`", "'")
    return _INITIALS.sub(lambda found: found[0].replace(".", ""), text)


class Statement(NamedTuple):
    """The items in their order. ``capitals``: words have one for other reasons than being names (German, headlines)."""

    items: list[Item]
    capitals: bool


def read(text: str) -> Statement:
    """What a stretch of ``plain`` text states."""
    reader = _Reader(_tokens(text))
    return Statement(reader.read(), reader.capitals)


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    end = 0
    for match in _TOKEN.finditer(text):
        before, raw = text[end : match.start()], match[0]
        end = match.end()
        if match.lastgroup != "word" or "'" not in raw:
            tokens.append(_Token(raw, raw.casefold(), not before, before))
            continue
        for part in filter(None, _split(raw)):
            tokens.append(_Token(part, part.casefold(), not before, before))
            before = " "
    return tokens


def _split(word: str) -> list[str]:
    """A word without what is joined to it by an apostrophe: "didn't" is "did not", "Hale's" is "Hale"."""
    lower = word.casefold()
    if lower in ("can't", "cannot"):
        return ["cannot"]
    if lower == "won't":
        return ["will", "not"]
    if lower.endswith("n't"):
        return [word[:-3], "not"]
    if (short := _ELIDED.match(word)) is not None:
        rest = word[short.end() :]
        return ["ne", rest] if short[0].casefold() == "n'" else [rest]
    stem, _, tail = word.rpartition("'")
    if (long := _CONTRACTED.get("'" + tail.casefold())) is not None:
        return [stem, long]
    if tail.casefold() == "s":
        return [stem, "is"] if stem.casefold() in _IS else [stem]
    return [word.replace("'", "")]


@lru_cache(_PLAIN_WORDS)
def _plain_word(word: str) -> Item:
    return Item("word", lexicon.spelling(word), word)


class _Reader:
    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._words = [token.word for token in tokens]
        self._items: list[Item] = []
        long = [token.raw for token in tokens if len(token.raw) > 3 and token.raw[0].isalpha()]
        capitals = sum(raw[0].isupper() for raw in long)
        headline = len(long) > 3 and capitals >= _TITLE_CASE * len(long)
        self.capitals = headline or not lexicon.GERMAN.isdisjoint(self._words)

    def read(self) -> list[Item]:
        at = 0
        while at < len(self._tokens):
            token = self._tokens[at]
            if token.raw[0].islower() and token.word not in _TELLING:
                self._items.append(_plain_word(token.word))
                at += 1
            else:
                at = self._date(at) or self._figure(at) or self._word(at)
        return self._items

    def _add(self, kind: Kind, key: str, start: int, end: int) -> int:
        self._items.append(Item(kind, key, " ".join(self._words[start:end])))
        return end

    def _is(self, at: int, *words: str) -> bool:
        return 0 <= at < len(self._words) and self._words[at] in words

    def _month(self, at: int) -> int | None:
        if not 0 <= at < len(self._tokens):
            return None
        word, raw = self._words[at], self._tokens[at].raw
        if (abroad := lexicon.MONTHS_ABROAD.get(word)) is not None:
            return abroad
        return MONTHS.get(word) if raw[0].isupper() else None

    def _day_of_month(self, at: int) -> tuple[int, int] | None:
        """A day of a month in digits at a place, and the place after it and its "th"."""
        word = self._words[at] if at < len(self._words) else ""
        if not (word.isdecimal() and len(word) <= 2 and 1 <= int(word) <= 31):
            return None
        after = at + 1
        if self._is(after, "st", "nd", "rd", "th") and self._tokens[after].glued:
            after += 1
        return int(word), after

    def _date(self, at: int) -> int | None:
        token = self._tokens[at]
        raw, word = token.raw, token.word
        if raw[0].isdigit():
            if day := self._day_of_month(at):
                after = day[1] + self._is(day[1], "of", "de", "the")
                if (month := self._month(after)) is not None:
                    return self._add("date", f"{month}/{day[0]}", at, after + 1)
            return self._clock(at)
        if (month := self._month(at)) is not None:
            after = at + 1 + self._is(at + 1, "the")
            if day := self._day_of_month(after):
                return self._add("date", f"{month}/{day[0]}", at, day[1])
            clear = word not in ("may", "march", "mars", "mai", "mar", "jan", "juni", "juli")
            if clear or self._is(at - 1, *_MONTH_PREPOSITIONS) or self._year(at + 1):
                return self._add("date", f"month {month}", at, at + 1)
            return None
        if word in ("noon", "midnight"):
            return self._add("date", f"clock {720 if word == 'noon' else 0}", at, at + 1)
        if word in lexicon.WEEKDAYS and (raw[0].isupper() or not word.endswith("day")):
            return self._add("date", f"weekday {lexicon.WEEKDAYS[word]}", at, at + 1)
        if word in lexicon.RELATIVE_DAYS:
            return self._add("day", word, at, at + 1)
        zoned = at > 0 and self._items and self._items[-1].key.startswith("clock")
        if zoned and raw.upper() in ZONES:
            return self._add("date", f"zone {raw.upper()}", at, at + 1)
        return None

    def _year(self, at: int) -> bool:
        return at < len(self._words) and re.fullmatch(r"(?:19|20)\d\d", self._words[at]) is not None

    def _clock(self, at: int) -> int | None:
        raw = self._tokens[at].word
        half = _HALF_DAY.fullmatch(raw.rstrip("m").rstrip("."))
        if half is not None and raw.endswith("m"):
            hour, minute = int(re.split(r"\D", raw)[0]), int(half[1] or 0)
            minutes = (hour % 12 + (12 if half[2] == "p" else 0)) * 60 + minute
            return self._add("date", f"clock {minutes}", at, at + 1)
        if re.fullmatch(r"\d{4}-\d\d-\d\d", raw):
            return self._add("date", f"{int(raw[5:7])}/{int(raw[8:])} {raw[:4]}", at, at + 1)
        dotted = re.fullmatch(r"\d{1,2}\.[0-5]\d", raw) and self._is(at - 1, *_AT)
        follows = at + 1 < len(self._words) and (
            self._words[at + 1] in lexicon.UNITS or self._words[at + 1] in numbers.SCALES
        )
        if (dotted and not follows) or re.fullmatch(r"\d{1,2}[:h]\d\d(?::\d\d)?", raw):
            hour, minute = (int(part) for part in re.split(r"[.:h]", raw)[:2])
            rest = raw.split(":")[2:]
            return self._add("date", f"clock {hour * 60 + minute}{''.join(rest)}", at, at + 1)
        return None

    def _figure(self, at: int) -> int | None:
        if self._words[at] not in _FIGURE_OPENERS and not self._words[at][0].isdecimal():
            return None
        start = at
        bound, at = self._bound(at)
        unit = ""
        if at < len(self._tokens) and self._words[at] in "$£€¥₹":
            unit, at = self._words[at], at + 1
        if at >= len(self._tokens):
            return None
        token = self._tokens[at]
        if token.raw[0].isdecimal():
            if len(token.raw) > numbers.LONGEST or not re.fullmatch(r"[\d.,' ]+", token.raw):
                value, at = _pair(token.word), at + 1
            else:
                glued = at + 1 < len(self._tokens) and self._tokens[at + 1].glued
                number, at = numbers.scaled(numbers.value_of(token.raw), self._words, at + 1, glued=glued)
                negative = token.before.endswith("-") and not (start and token.before == "-")
                value = _form(-number if negative else number)
                if self._is(at, "st", "nd", "rd", "th") and self._tokens[at].glued:
                    value, at = f"no. {value}", at + 1
        elif (found := numbers.spelt(self._words, at)) is not None and not self._pronoun(at, found[2]):
            number, ordinal, after = found
            at = after
            value = f"no. {_form(number)}" if ordinal else _form(number)
        elif numbers.many(token.word) and not (token.word == "scores" and not self._is(at + 1, "of")):
            value, at = token.word, at + 1
        elif not unit and not bound and (times := numbers.times(token.word)) is not None:
            return self._add("figure", f"times {times}", start, at + 1)
        else:
            return None
        unit, at = self._unit(at, unit)
        return self._add("figure", " ".join(filter(None, (bound, value, unit))), start, at)

    def _pronoun(self, at: int, after: int) -> bool:
        """Whether "one" is no figure: "no one", "one another"; or a bare "half" or "second" no number."""
        one = self._words[at] == "one" and after == at + 1
        return one and (self._is(at - 1, "no", "any", "every", "some") or self._is(after, "another"))

    def _unit(self, at: int, unit: str) -> tuple[str, int]:
        short = lexicon.phrase(self._words, at)
        word = short[0] if short else self._words[at] if at < len(self._words) else ""
        # "a three-day strike" has no blank before its unit, "no. 2 - days later" is no unit.
        if word in lexicon.UNITS and self._tokens[at].before in ("", " ", "-", "\u00a0"):
            return lexicon.UNITS[word], at + (short[1] if short else 1)
        return unit, at

    def _bound(self, at: int) -> tuple[str, int]:
        for length in (3, 2, 1):
            sign = _BOUNDS.get(tuple(self._words[at : at + length]))
            after = at + length
            if sign is not None and after < len(self._tokens) and self._numeric(after):
                return sign, after
        return "", at

    def _numeric(self, at: int) -> bool:
        word = self._words[at]
        return word[0].isdecimal() or word in "$£€¥₹" or numbers.is_number_word(word) or word in ("a", "half")

    def _word(self, at: int) -> int:
        token = self._tokens[at]
        raw, word = token.raw, token.word
        short = lexicon.phrase(self._words, at)
        if short is not None:
            word, length = short
            if word == "cannot":
                return self._add("negation", word, at, at + length)
            kind: Kind = "name" if word not in ("percent", "points", "mp", "mps") else "word"
            return self._add(kind, word, at, at + length)
        if word == "longer" and self._is(at - 1, "no"):
            return self._add("word", word, at, at + 1)
        if word in lexicon.NEGATIONS:
            return self._add("negation", word, at, at + 1)
        inner = raw[0].isupper() and not self._opens(at)
        if word in lexicon.MODALS and not inner and not (word == "may" and raw[0].isupper() and at):
            return self._add("modality", word, at, at + 1)
        if word in lexicon.OUTCOMES and not inner:
            return self._add("outcome", word, at, at + 1)
        if word in lexicon.SPEECH:
            return self._add("attribution", word, at, at + 1)
        if word in lexicon.HONORIFICS:
            return self._add("word", word, at, at + 1)
        if word in lexicon.ROLES or word == "pm" or self._names(at):
            return self._add("name", lexicon.spelling(word), at, at + 1)
        return self._add("word", lexicon.spelling(word), at, at + 1)

    def _opens(self, at: int) -> bool:
        before = self._tokens[at].before
        return not (at or before.strip()) or _SENTENCE.search(before) is not None

    def _names(self, at: int) -> bool:
        """Whether a word is a name: it has a capital inside of a sentence, or at its start for no known reason."""
        raw, word = self._tokens[at].raw, self._words[at]
        if not raw[0].isupper() or word in lexicon.OPENERS:
            return False
        if not self._opens(at):
            return True
        if len(raw) > 1 and raw[1].isupper():
            return True
        following = self._tokens[at + 1].raw if at + 1 < len(self._tokens) else ""
        if following[:1].isupper() or following in _SAYING:
            return True
        return not word.endswith(("s", "ing", "ly", "ed"))


def _pair(word: str) -> str:
    """A score, a range or a date as it stands; a fraction as its value."""
    above, _, below = word.partition("/")
    if above.isdecimal() and below.isdecimal() and len(word) <= 5 and 0 < int(above) < int(below) <= 10:
        return _form(Decimal(above) / Decimal(below))
    return word


def _form(value: Decimal) -> str:
    return format(value.normalize(), "f")

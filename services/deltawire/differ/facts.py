"""What an update means: its significance, from what changed. The rules are documented in docs/events.md."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import msgspec
from rapidfuzz.distance import DamerauLevenshtein, LCSseq

from deltawire.differ import lexicon, statements, words
from deltawire.differ.names import Vocabulary, respelt
from deltawire.differ.statements import Item, Kind, Statement
from deltawire.events import Change
from deltawire.model import Significance

NEW_INFORMATION = 6
"""Words added, or taken away, in one place from which on it is a statement and no touch-up."""

MOST_PLACES = 2000
LONGEST_PLACE = 30_000
"""Changed places of one text, and characters of one place, that are judged; beyond them a change is a rewriting."""

Rule = Literal[
    "correction",
    "struck",
    "figures",
    "dates",
    "negation",
    "attribution",
    "modality",
    "outcome",
    "names",
    "statement",
    "rewritten",
    "wording",
    "order",
    "headline",
    "details",
    "spelling",
    "typography",
    "markup",
]

CLASSES: dict[Rule, Significance] = {
    "correction": "substantive",
    "struck": "substantive",
    "figures": "substantive",
    "dates": "substantive",
    "negation": "substantive",
    "attribution": "substantive",
    "modality": "substantive",
    "outcome": "substantive",
    "names": "substantive",
    "statement": "substantive",
    "rewritten": "substantive",
    "wording": "minor",
    "order": "minor",
    "headline": "minor",
    "details": "minor",
    "spelling": "cosmetic",
    "typography": "cosmetic",
    "markup": "cosmetic",
}
"""The rules, the gravest first: where several hold, the first names the change."""

_GRAVITY = {rule: place for place, rule in enumerate(CLASSES)}
_KINDS: tuple[tuple[Kind, Rule], ...] = (("figure", "figures"), ("date", "dates"))
_COUNTED: tuple[tuple[Kind, Rule], ...] = (("negation", "negation"), ("attribution", "attribution"))
_BESIDE = frozenset({"authors", "language", "labels", "links", "media", "published_at"})
_CONTEXT = 80
_SENTENCE_END = re.compile(r"[.!?…][\"'”’)\]]*\s|\n")
_WORD = re.compile(r"\w+")
_ESSENCE = re.compile(r"[$£€¥₹+\-−–]?\d[\w.,:/\-–−]*[%°½¼¾]?|\w+")
_VALUED = re.compile(r"[\w$£€¥₹%°+\-−–/.,:½¼¾⅓⅔]")
_CORRECTION = re.compile(
    r"(?:^|[\n.!?\"(\[*]\s*)(?:correction|clarification|corrections and clarifications|korrektur|berichtigung"
    r"|rectificatif|correctif|corrección|rectificación|fe de errores)\b\s*(?:[:\-–—(]|\d|\n|$)"
    r"|\ban (?:earlier|initial|original|previous) (?:version|headline)\b"
    r"|\b(?:post|entry|article|story|report|item|piece|page|blog|headline|update|caption|text) (?:was|has been|were)"
    r"(?: \w+){0,3} (?:corrected|amended|clarified|retracted|withdrawn|deleted)\b"
    r"|\bwe (?:\w+ )?(?:earlier|originally|previously|incorrectly|wrongly|mistakenly) (?:said|wrote|reported|stated)\b"
    r"|\b(?:apologi[sz]e|apologies|sorry) for (?:the|this|that|our|any) (?:error|mistake|confusion)\b"
    r"|\bin einer früheren (?:version|fassung)\b|\bune (?:première )?version (?:précédente|antérieure)\b"
    r"|\buna versión anterior\b",
    re.IGNORECASE,
)
_CORRECTING = (
    *("correc", "clarif", "korrektur", "berichtigung", "rectific", "errores", "version", "früher", "anterior"),
    *("earlier", "initial", "original", "previous", "wrongly", "mistakenly", "amended", "retracted", "withdrawn"),
    *("deleted", "apolog", "sorry"),
)
"""Stems of which each correction has one: looking for them takes a tenth of the time."""
_INFLECTED = frozenset(("", "s", "es", "d", "ed", "r", "er", "n", "en", "y", "ly", "ing", "e", "ies", "st"))
_REVERSING = ("un", "in", "im", "il", "ir", "dis", "non", "mis")
_NOTHING = Vocabulary()


class Finding(NamedTuple):
    significance: Significance
    rule: Rule


class _Place(NamedTuple):
    """The changes of one sentence: its old and its new form with some text around."""

    old: str
    new: str


class _Run(NamedTuple):
    """Items taken out and items put in, at one place of a sentence."""

    old: list[Item]
    new: list[Item]


def judge(changes: Sequence[Change], vocabulary: Vocabulary = _NOTHING, entry_id: str = "") -> Finding:
    """The significance of the gravest change and the rule that it falls under (docs/events.md).

    ``cosmetic``: the same statement, spelt or set otherwise; ``substantive``: another statement; else ``minor``.
    ``vocabulary`` are the names in the blog's entries, of which ``entry_id`` is the changed one.
    """
    rules: list[Rule] = ["markup"]
    for change in changes:
        if change.field in _BESIDE:
            rules.append("details")
        elif change.field == "content_html":
            rules.append("struck" if _struck(change) else "markup")
        elif change.field in ("title", "content_text"):
            rules += _of_text(change, vocabulary, entry_id)
    rule = min(rules, key=_GRAVITY.__getitem__)
    return Finding(CLASSES[rule], rule)


def _struck(change: Change) -> bool:
    old, new = _sides(change)
    return old.count("<del>") != new.count("<del>")


def _sides(change: Change) -> tuple[str, str]:
    if change.diff is msgspec.UNSET:
        return change.old or "", change.new or ""
    return (
        "".join(text for op, text in change.diff if op != "+"),
        "".join(text for op, text in change.diff if op != "-"),
    )


def _of_text(change: Change, vocabulary: Vocabulary, entry_id: str) -> Iterator[Rule]:
    if change.diff is msgspec.UNSET:
        yield "headline"
        return
    yield "typography"
    old, new = _sides(change)
    start, end = words.same_ends(old, new)
    before, after = _essence(old[start : len(old) - end]), _essence(new[start : len(new) - end])
    if before == after:
        return
    if len(before) == len(after) and _reordered(old, new):
        yield "order"
        return
    for number, place in enumerate(_places(change)):
        if number == MOST_PLACES:
            yield "rewritten"
            return
        rule = _of_place(place, vocabulary, entry_id)
        yield rule
        if CLASSES[rule] == "substantive":
            return


def _essence(text: str) -> list[str]:
    """The words and figures of a text, without what only sets them."""
    return [word.rstrip(".,:/-") for word in _ESSENCE.findall(text.casefold())]


def _reordered(old: str, new: str) -> bool:
    """Whether the same lines stand in another order."""
    before, after = (list(filter(None, map(str.strip, side.split("\n")))) for side in (old, new))
    return before != after and sorted(before) == sorted(after)


def _places(change: Change) -> Iterator[_Place]:
    """The changed sentences. A change of nothing but marks, away from figures, is none."""
    assert change.diff is not msgspec.UNSET
    ops = change.diff
    old: list[str] = []
    new: list[str] = []
    for index, (op, text) in enumerate(ops):
        if op != "=":
            if not (old or new):
                before = _tail(ops[index - 1][1], whole=index == 1) if index else ""
                old, new = [before], [before]
            (old if op == "-" else new).append(text)
            continue
        if not (old or new):
            continue
        last = index == len(ops) - 1
        if not last and len(text) <= _CONTEXT and not _SENTENCE_END.search(text):
            old.append(text)
            new.append(text)
            continue
        after = _head(text)
        yield from _place("".join(old) + after, "".join(new) + after, old, new)
        old, new = [], []
    if old or new:
        yield from _place("".join(old), "".join(new), old, new)


def _place(old: str, new: str, olds: list[str], news: list[str]) -> Iterator[_Place]:
    if _WORD.findall(old) == _WORD.findall(new):
        marks = "".join((*olds[1:], *news[1:]))
        if not any(c.isdigit() for c in old) or not _VALUED.search(marks):
            return
    yield _Place(old, new)


def _tail(text: str, *, whole: bool) -> str:
    """The end of the text before a change, cut between words; a comma stands for what was cut off."""
    if len(text) <= _CONTEXT:
        return text if whole else ", " + text
    rest = text[-_CONTEXT:]
    edge = re.search(r"\s", rest)
    return ", " + (rest[edge.end() :] if edge else "")


def _head(text: str) -> str:
    """The text after a change up to where its sentence ends."""
    end = _SENTENCE_END.search(text, 0, _CONTEXT)
    if end is not None:
        return text[: end.end()]
    if len(text) <= _CONTEXT:
        return text
    return text[:_CONTEXT].rpartition(" ")[0]


def _of_place(place: _Place, vocabulary: Vocabulary, entry_id: str) -> Rule:
    if len(place.old) + len(place.new) > LONGEST_PLACE:
        return "rewritten"
    old_text, new_text = statements.plain(place.old), statements.plain(place.new)
    if _corrections(old_text) != _corrections(new_text):
        return "correction"
    old, new = statements.read(old_text), statements.read(new_text)
    runs = _runs(old.items, new.items)
    if not runs:
        return "typography"
    sentences = len(_SENTENCE_END.findall(new_text + "\n")) - len(_SENTENCE_END.findall(old_text + "\n"))
    out = [item for run in runs for item in run.old]
    put = [item for run in runs for item in run.new]
    if any(not (run.old and run.new) and _statement(run, sentences) for run in runs):
        return "statement"
    for kind, rule in _KINDS:
        if _keys(old.items, kind) != _keys(new.items, kind) and not _only_article(out, put, kind):
            return rule
    if _keys(out, "day") != _keys(put, "day") and _keys(out, "day") and _keys(put, "day"):
        return "dates"
    if any(_reversed(run) for run in runs):
        return "negation"
    if _classes(old.items, "modality") != _classes(new.items, "modality"):
        return "modality"
    for kind, rule in _COUNTED:
        if len(_keys(out, kind)) != len(_keys(put, kind)):
            return rule
    if _classes(out, "outcome") and _classes(put, "outcome") and _classes(out, "outcome") != _classes(put, "outcome"):
        return "outcome"
    if _of_names(old, new, vocabulary, entry_id):
        return "names"
    if any(_statement(run, sentences) for run in runs):
        return "statement"
    return "spelling" if all(_same(run, vocabulary, entry_id) for run in runs) else "wording"


def _corrections(text: str) -> int:
    folded = text.casefold()
    return len(_CORRECTION.findall(text)) if any(stem in folded for stem in _CORRECTING) else 0


def _runs(old: list[Item], new: list[Item]) -> list[_Run]:
    runs: list[_Run] = []
    end = (-1, -1)
    keys = [[item.key for item in side] for side in (old, new)]
    for op in LCSseq.opcodes(*keys):
        if op.tag == "equal":
            continue
        run = _Run(old[op.src_start : op.src_end], new[op.dest_start : op.dest_end])
        if runs and op.src_start == end[0] and op.dest_start == end[1]:
            last = runs.pop()
            run = _Run(last.old + run.old, last.new + run.new)
        runs.append(run)
        end = (op.src_end, op.dest_end)
    return [run for run in runs if _joined(run.old) != _joined(run.new)]


def _joined(items: Sequence[Item]) -> str:
    """The words without the gaps between them: "air strike" and "airstrike" are one."""
    if any(item.kind == "figure" for item in items):
        return "|".join(item.key for item in items)
    return "".join(item.key for item in items).replace(" ", "")


def _keys(items: Sequence[Item], kind: Kind) -> list[str]:
    return [item.key for item in items if item.kind == kind]


def _only_article(out: Sequence[Item], put: Sequence[Item], kind: Kind) -> bool:
    """Whether "one official" became "an official", or the other way round."""
    if kind != "figure":
        return False
    for one, other in ((out, put), (put, out)):
        if [item.text for item in one if item.kind == kind] == ["one"] and not _keys(other, kind):
            return any(item.text in ("a", "an", "the") for item in other)
    return False


def _reversed(run: _Run) -> bool:
    """Whether a word became its opposite by what stands before it: "likely", "unlikely"."""
    if len(run.old) != len(run.new):
        return False
    return any(
        len(a.text) >= 4 and b.text in [prefix + a.text for prefix in _REVERSING]
        for pair in zip(run.old, run.new, strict=True)
        for a, b in (pair, pair[::-1])
    )


def _classes(items: Sequence[Item], kind: Literal["modality", "outcome"]) -> list[str]:
    known = lexicon.MODALS if kind == "modality" else lexicon.OUTCOMES
    return [known[item.text] for item in items if item.kind == kind]


def _of_names(old: Statement, new: Statement, vocabulary: Vocabulary, entry_id: str) -> bool:
    """Whether a name came, went, moved or became another; only the last where all words have capitals."""
    out, put = (_keys(side.items, "name") for side in (old, new))
    # A word that merely lost or gained its capital is in both.
    words_out, words_put = ({item.key for item in side.items if item.kind != "name"} for side in (old, new))
    out = [name for name in out if name not in words_put]
    put = [name for name in put if name not in words_out]
    if len(out) != len(put):
        return not (old.capitals or new.capitals)
    return not all(respelt(a, b, vocabulary, entry_id) for a, b in zip(out, put, strict=True))


def _statement(run: _Run, sentences: int) -> bool:
    """Whether words make a statement of their own: six of them, or where there are more or fewer ``sentences`` now."""
    sizes = [sum(_length(item) for item in side) for side in run]
    if max(sizes) >= NEW_INFORMATION:
        return True
    return sentences != 0 and abs(sizes[0] - sizes[1]) >= 2 and min(sizes) == 0


def _length(item: Item) -> int:
    """How many words an item is: scripts without gaps between words have one for every two signs."""
    return max(1, len(item.text) // 2) if item.text[:1] >= "\u0e00" and item.text[:1].isalpha() else 1


def _same(run: _Run, vocabulary: Vocabulary, entry_id: str) -> bool:
    """Word by word the same, but for slips."""
    if len(run.old) != len(run.new):
        return False
    return all(
        respelt(a.key, b.key, vocabulary, entry_id) if "name" in (a.kind, b.kind) else _slip(a.key, b.key)
        for a, b in zip(run.old, run.new, strict=True)
    )


def _slip(a: str, b: str) -> bool:
    """Whether two words are one with a slip: 1 letter in words of 4 or 5 letters, 2 from 6 on.

    Another ending is another form of a word ("attack", "attacks"), and another letter in the place of one, at its
    start or in a short word, another word ("fired", "hired"; "dead", "deal").
    """
    if a == b:
        return True
    length = min(len(a), len(b))
    if length < 4 or a[0] != b[0]:
        return False
    common = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), length)
    if a[common:] in _INFLECTED and b[common:] in _INFLECTED:
        return False
    if len(a) == len(b) and length < 6 and sorted(a) != sorted(b):
        return False
    return DamerauLevenshtein.distance(a, b) <= (1 if length < 6 else 2)

"""How right a candidate is about a game: each event it said is a fact, or it is not.

An entry of the candidate is taken for the post whose history it tells best; a post that is told twice, or an entry that
tells of two posts, costs every event of the lesser part. So identity is scored without knowing how ids are made.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any, Literal, Protocol

from deltawire.press.facts import Fact, Kind
from deltawire.press.game import Answer, Game
from deltawire.press.sheets import INJECTED
from deltawire.press.transport import DOUBTFUL_HOLD

LATE = DOUBTFUL_HOLD
"""Looks at the blog as it is after which an event comes too late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One event of a candidate. Null: the candidate does not say, or its format does not carry it.

    ``number`` is its place in the sequence without holes of ``feed``; ``id`` is the event's. What it says of the blog
    as a whole (kind ``feed``) is no fact, and counts in the sequence.
    """

    kind: Kind | Literal["feed"]
    entry: str
    title: str | None
    text: str
    labels: tuple[str, ...] | None = None
    number: int | None = None
    id: str | None = None
    feed: str | None = None


def said_from_json(record: dict[str, Any]) -> Said:
    """An event as another system writes it: the fields of ``Said``, or a CloudEvent of deltawire.

    Raises:
        ValueError: it is neither.
    """
    try:
        if "specversion" not in record:
            labels = record.get("labels")
            return Said(**(record | {"labels": None if labels is None else tuple(sorted(labels))}))
        number, feed = int(record["sequence"]), record["data"]["feed"]["id"]
        if record["type"].startswith("deltawire.feed."):
            return Said(
                kind="feed", entry=record["subject"], title=None, text="", number=number, id=record["id"], feed=feed
            )
        entry = record["data"]["entry"]
        return Said(
            kind=record["type"].rpartition(".")[2],
            entry=record["subject"],
            title=entry["title"],
            text=entry["content_text"],
            labels=tuple(sorted(entry["labels"])),
            number=number,
            id=record["id"],
            feed=feed,
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"no event with kind, entry, title and text: {error}") from None


class Candidate(Protocol):
    def look(self, answer: Answer) -> Sequence[Said]:
        """Take one look; what follows from it and was not said before."""


@dataclass(slots=True)
class Score:
    """``defects`` are (look, sentence), in the order of the looks."""

    right: Counter[str] = field(default_factory=Counter)
    said: Counter[str] = field(default_factory=Counter)
    expected: Counter[str] = field(default_factory=Counter)
    defects: list[tuple[int, str]] = field(default_factory=list)

    @property
    def precision(self) -> float:
        return self.right.total() / self.said.total() if self.said else 1.0

    @property
    def recall(self) -> float:
        return self.right.total() / self.expected.total() if self.expected else 1.0

    @property
    def f1(self) -> float:
        total = self.said.total() + self.expected.total()
        return 2 * self.right.total() / total if total else 1.0

    @property
    def ok(self) -> bool:
        return not self.defects

    def add(self, other: Score) -> None:
        self.right += other.right
        self.said += other.said
        self.expected += other.expected
        self.defects += other.defects


def play(game: Game, candidate: Candidate) -> Score:
    """Let the candidate look at the whole game."""
    said = [(answer.look, event) for answer in game for event in candidate.look(answer)]
    return score(game.facts, said, game.current, learning=game.learning)


_Shape = tuple[str, str | None, str, tuple[str, ...] | None]


def score(
    facts: Sequence[Fact], said: Sequence[tuple[int, Said]], current: Sequence[int] = (), *, learning: int = 0
) -> Score:
    """Compare the facts with what was said at which look; at look 0 where that is not known.

    ``current`` are the looks that were given the blog as it was; none: nothing is too late.
    ``learning``: that many updates of an entry may say what was said before.
    """
    result = Score(expected=Counter(f.kind for f in facts))
    _check_numbers(said, result)
    said = [(look, event) for look, event in said if event.kind != "feed"]
    result.said.update(event.kind for _, event in said)
    by_post: dict[str, list[Fact]] = defaultdict(list)
    for fact in facts:
        by_post[fact.post].append(fact)
    by_entry: dict[str, list[tuple[int, Said]]] = defaultdict(list)
    for look, event in said:
        by_entry[event.entry].append((look, event))
    owners = _owners(by_post, by_entry)
    for entry, events in by_entry.items():
        events = _telling(by_post.get(owners.get(entry, ""), []), events, learning, current, result)
        _compare(by_post.pop(owners[entry]) if entry in owners else [], events, current, result)
    for left in by_post.values():
        _compare(left, [], current, result)
    result.defects.sort(key=lambda defect: defect[0])
    return result


def _check_numbers(said: Iterable[tuple[int, Said]], result: Score) -> None:
    ids: set[str] = set()
    latest: dict[str | None, int] = {}
    for look, event in said:
        if event.id is not None:
            if event.id in ids:
                result.defects.append((look, f"the event id {event.id} came again"))
            ids.add(event.id)
        if event.number is None:
            continue
        last = latest.get(event.feed)
        of = "" if event.feed is None else f" of feed {event.feed}"
        if last is not None and event.number <= last:
            result.defects.append((look, f"the number {event.number}{of} came after {last}"))
        elif last is not None and event.number > last + 1:
            result.defects.append((look, f"no event{of} has the number {last + 1}"))
        latest[event.feed] = event.number


def _owners(by_post: dict[str, list[Fact]], by_entry: dict[str, list[tuple[int, Said]]]) -> dict[str, str]:
    """By entry, the post it tells of: the best pairs first."""
    wanted = {post: [_fact_shape(fact) for fact in facts] for post, facts in by_post.items()}
    by_text: dict[str, set[str]] = defaultdict(set)
    for post, shapes in wanted.items():
        for shape in shapes:
            by_text[shape[2]].add(post)
    ranked: list[tuple[int, int, str, str]] = []
    for entry, events in by_entry.items():
        told = [_said_shape(event, None) for _, event in events]
        for post in {p for shape in told for p in by_text.get(shape[2], ())}:
            common = sum(block.size for block in _matcher(wanted[post], events).get_matching_blocks())
            distance = abs(by_post[post][0].look - events[0][0])
            ranked.append((-common, distance, entry, post))
    owners: dict[str, str] = {}
    taken: set[str] = set()
    for common, _, entry, post in sorted(ranked):
        if common and entry not in owners and post not in taken:
            owners[entry] = post
            taken.add(post)
    return owners


def _matcher(wanted: list[_Shape], events: list[tuple[int, Said]]) -> SequenceMatcher[_Shape]:
    labels = wanted[0][3]
    if any(event.labels is None for _, event in events):
        wanted, labels = [(*shape[:3], None) for shape in wanted], None
    return SequenceMatcher(None, wanted, [_said_shape(event, labels) for _, event in events], autojunk=False)


def _fact_shape(fact: Fact) -> _Shape:
    state = fact.new or fact.old
    assert state is not None
    return (fact.kind, state.title, state.text, state.labels)


def _said_shape(said: Said, labels: tuple[str, ...] | None) -> _Shape:
    return (
        said.kind,
        said.title,
        " ".join(INJECTED.sub("", said.text).split()),
        None if labels is None else said.labels,
    )


def _telling(
    facts: list[Fact], events: list[tuple[int, Said]], learning: int, current: Sequence[int], result: Score
) -> list[tuple[int, Said]]:
    """The events without the first ``learning`` updates that say what was said before and that no fact waits for."""
    kept: list[tuple[int, Said]] = []
    looks = {fact.look for fact in facts}
    waiting = list(facts)
    for look, event in events:
        shape = _said_shape(event, None)
        again = kept and event.kind == "updated" and shape[1:] == _said_shape(kept[-1][1], None)[1:]
        due = [f for f in waiting if f.look <= look and _fact_shape(f)[:3] == shape[:3]]
        due = [f for f in due if not _late(f.look, look, current)]
        if again and learning and look not in looks and not due and event.labels == kept[-1][1].labels:
            learning -= 1
            result.said[event.kind] -= 1
        else:
            kept.append((look, event))
            if due:
                waiting.remove(due[0])
    return kept


def _compare(facts: list[Fact], events: list[tuple[int, Said]], current: Sequence[int], result: Score) -> None:
    wanted = [_fact_shape(fact) for fact in facts]
    opcodes = _matcher(wanted, events).get_opcodes() if wanted else [("insert", 0, 0, 0, len(events))]
    for tag, a, b, c, d in opcodes:
        if tag != "equal":
            result.defects += [(fact.look, f"missing: {_name(fact)}") for fact in facts[a:b]]
            result.defects += [(look, f"not true: {_told(said)}") for look, said in events[c:d]]
            continue
        for fact, (look, said) in zip(facts[a:b], events[c:d], strict=True):
            if look == 0 or (fact.look <= look and not _late(fact.look, look, current)):
                result.right[fact.kind] += 1
            else:
                when = "early" if look < fact.look else "late"
                result.defects.append((look, f"too {when}: {_told(said)}; it was served at look {fact.look}"))


def _late(served: int, look: int, current: Sequence[int]) -> bool:
    return bisect_right(current, look) - bisect_right(current, served) > LATE


def _name(fact: Fact) -> str:
    shape = _fact_shape(fact)
    return f"{fact.kind} {fact.post[:8]} {_words(shape[1], shape[2])}"


def _told(said: Said) -> str:
    return f"{said.kind} of entry {said.entry[:8]} {_words(said.title, said.text)}"


def _words(title: str | None, text: str) -> str:
    return f"{title!r} / {text[:60]!r}"

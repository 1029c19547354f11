"""Compare what deltawire said (CloudEvents as plain dicts, structured JSON) with the facts.

Scored: entry events of one feed, their order, their texts, ids and sequence. Feed events are not compared with facts
(when a feed fails or ends is not a matter of single posts), but they are part of the sequence.
Within one look the order of events of different posts is free.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from difflib import SequenceMatcher
from typing import Any

from deltawire.press.facts import Fact, State, standing

Event = dict[str, Any]
_ENTRY = "deltawire.entry."


@dataclass(slots=True)
class Report:
    """Each list holds one sentence for each defect; all are empty when the events are exactly right."""

    expected: int
    seen: int
    missing: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    out_of_order: list[str] = field(default_factory=list)
    holes: list[str] = field(default_factory=list)
    identity: list[str] = field(default_factory=list)
    final: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.defects()

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall over the entry events; 1.0 when none was expected and none seen."""
        right = self.expected - len(self.missing) - len(self.wrong)
        return 2 * right / (self.expected + self.seen) if self.expected + self.seen else 1.0

    def defects(self) -> list[str]:
        named = (
            ("missing", self.missing),
            ("extra", self.extra),
            ("wrong", self.wrong),
            ("doubled", self.doubled),
            ("out of order", self.out_of_order),
            ("hole", self.holes),
            ("identity", self.identity),
            ("final state", self.final),
        )
        return [f"{name}: {sentence}" for name, sentences in named for sentence in sentences]

    def __str__(self) -> str:
        summary = f"{self.expected} facts, {self.seen} entry events, F1 {self.f1:.3f}"
        return "\n".join([summary, *self.defects()])


def compare(facts: Sequence[Fact], events: Iterable[Event], *, feed: str | None = None) -> Report:
    """Compare the facts with the events in the order in which they were read, only those of ``feed`` if it is given."""
    read = [event for event in events if feed is None or event["data"]["feed"]["id"] == feed]
    report = Report(expected=len(facts), seen=sum(_is_entry(event) for event in read))
    once = _check_envelopes(read, report)
    posts = _posts_by_subject(facts, once, report)
    pairs = _align(facts, once, posts, report)
    _check_order(pairs, report)
    for fact, event in pairs:
        _check_diff(fact, event, report)
    _check_final(standing(facts), fold(once), posts, report)
    return report


def fold(events: Iterable[Event]) -> dict[str, Event]:
    """By subject, ``data.entry`` of every entry that the events leave standing."""
    standing_entries: dict[str, Event] = {}
    for event in events:
        if not _is_entry(event):
            continue
        if event["type"] == "deltawire.entry.removed":
            standing_entries.pop(event["subject"], None)
        else:
            standing_entries[event["subject"]] = event["data"]["entry"]
    return standing_entries


def _is_entry(event: Event) -> bool:
    return bool(event["type"].startswith(_ENTRY))


def _check_envelopes(events: Sequence[Event], report: Report) -> list[Event]:
    """Ids and sequences, of feed events too. Returns each event once, in the order of the sequences."""
    once: dict[str, Event] = {}
    last: dict[tuple[str, str], int] = {}
    for event in events:
        stream, sequence = (event["source"], event["feedepoch"]), int(event["sequence"])
        if event["id"] in once:
            report.doubled.append(f"{event['id']} came again")
            continue
        if sequence <= last.get(stream, 0):
            report.out_of_order.append(f"{event['id']} came after {last[stream]}")
        once[event["id"]] = event
        last[stream] = max(sequence, last.get(stream, 0))
    for stream, highest in last.items():
        own = Counter(int(e["sequence"]) for e in once.values() if (e["source"], e["feedepoch"]) == stream)
        report.holes += [f"{stream[0]} has no {n} in epoch {stream[1]}" for n in range(1, highest + 1) if n not in own]
        report.doubled += [f"{stream[0]} has {n} events numbered {s}" for s, n in own.items() if n > 1]
    epochs = {epoch: rank for rank, (_, epoch) in enumerate(last)}
    return sorted(once.values(), key=lambda event: (epochs[event["feedepoch"]], int(event["sequence"])))


def _posts_by_subject(facts: Sequence[Fact], events: Iterable[Event], report: Report) -> dict[str, str]:
    """The post that each entry is, by the id that the source states, else by when it was published."""
    by_minute: dict[datetime, set[str]] = defaultdict(set)
    for fact in facts:
        if fact.published_at is not None:
            by_minute[fact.published_at.replace(second=0, microsecond=0)].add(fact.post)
    ids = {fact.post for fact in facts}
    posts: dict[str, str] = {}
    for event in filter(_is_entry, events):
        found = _post_of(event["data"]["entry"], ids, by_minute)
        before = posts.setdefault(event["subject"], found or event["subject"])
        if found is None:
            report.identity.append(f"{event['id']} belongs to no post")
        elif before != found:
            report.identity.append(f"{event['id']} is {found}, its entry was {before}")
    for post, count in Counter(posts.values()).items():
        if count > 1:
            report.identity.append(f"{post} has {count} entries")
    return posts


def _post_of(entry: Event, ids: set[str], by_minute: dict[datetime, set[str]]) -> str | None:
    source_id = entry["source_id"]
    if source_id is None:
        moment = entry["published_at"] and datetime.fromisoformat(entry["published_at"])
        candidates = by_minute.get(moment.replace(second=0, microsecond=0), set()) if moment else set()
    else:
        candidates = {post for post in ids if source_id.endswith(post)}
    return max(candidates, key=len) if candidates and (source_id or len(candidates) == 1) else None


def _align(
    facts: Sequence[Fact], events: Sequence[Event], posts: dict[str, str], report: Report
) -> list[tuple[Fact, Event]]:
    """Pair facts and events post by post, in order; what pairs with nothing is missing, extra or wrong."""
    expected: dict[str, list[Fact]] = defaultdict(list)
    for fact in facts:
        expected[fact.post].append(fact)
    got: dict[str, list[Event]] = defaultdict(list)
    for event in filter(_is_entry, events):
        got[posts[event["subject"]]].append(event)
    pairs: list[tuple[Fact, Event]] = []
    for post in {**expected, **got}:
        wanted, seen = expected[post], got[post]
        shapes = _shape_pairs(wanted, seen)
        matcher = SequenceMatcher(None, shapes[0], shapes[1], autojunk=False)
        for tag, a, b, c, d in matcher.get_opcodes():
            if tag == "equal":
                pairs += zip(wanted[a:b], seen[c:d], strict=True)
                continue
            wrong = min(b - a, d - c)
            report.wrong += [
                f"{event['id']} is not {_name(fact)}: {_difference(fact, event)}"
                for fact, event in zip(wanted[a : a + wrong], seen[c : c + wrong], strict=True)
            ]
            report.missing += [_name(fact) for fact in wanted[a + wrong : b]]
            report.extra += [f"{e['id']} {e['type']} of {post}" for e in seen[c + wrong : d]]
    return pairs


def _shape_pairs(facts: Sequence[Fact], events: Sequence[Event]) -> tuple[list[object], list[object]]:
    """Facts and events in one comparable shape: the kind and what the entry is afterwards."""
    carried = next((state for fact in facts for state in (fact.new, fact.old) if state), None)
    return (
        [(fact.kind, _bare(fact.new or fact.old)) for fact in facts],
        [(e["type"].removeprefix(_ENTRY), _entry_state(e["data"]["entry"], carried)) for e in events],
    )


def _bare(state: State | None) -> State | None:
    return state and State(text=state.text, title=state.title, author=state.author, labels=state.labels)


def _entry_state(entry: Event, carried: State | None) -> State:
    """The entry as a state; parts that the format cannot carry (null in ``carried``) are left out."""
    labels = tuple(sorted(entry["labels"]))
    authors = ", ".join(entry["authors"])
    return State(
        text=_plain(entry["content_text"]),
        title=entry["title"],
        author=authors if carried is None or carried.author is not None else None,
        labels=labels if carried is None or carried.labels is not None else None,
    )


def _plain(text: str) -> str:
    return " ".join(text.split())


def _name(fact: Fact) -> str:
    return f"{fact.post} {fact.kind} at look {fact.look}"


def _difference(fact: Fact, event: Event) -> str:
    """What about a wrong event is wrong, in a few words."""
    kind = event["type"].removeprefix(_ENTRY)
    if kind != fact.kind:
        return f"it is {kind}"
    wanted = fact.new or fact.old
    seen = _entry_state(event["data"]["entry"], wanted)
    names = ("text", "title", "author", "labels")
    return "; ".join(
        f"{name} {getattr(seen, name)!r}, served was {getattr(wanted, name)!r}"
        for name in names
        if getattr(seen, name) != getattr(wanted, name)
    )


def _check_order(pairs: Sequence[tuple[Fact, Event]], report: Report) -> None:
    latest = 0
    for fact, event in sorted(pairs, key=lambda pair: int(pair[1]["sequence"])):
        if fact.look < latest:
            report.out_of_order.append(f"{event['id']} ({_name(fact)}) stands after an event of look {latest}")
        latest = max(latest, fact.look)


def _check_diff(fact: Fact, event: Event, report: Report) -> None:
    """The parts of a text diff must join to the old and the new text (contract: ``changes``)."""
    for change in event["data"].get("changes", ()):
        if change["field"] != "content_text" or not change.get("diff") or not (fact.old and fact.new):
            continue
        for signs, side, state in (("=-", "old", fact.old), ("=+", "new", fact.new)):
            joined = _plain("".join(text for sign, text in change["diff"] if sign in signs))
            if joined != state.text:
                report.wrong.append(f"{event['id']}: its diff joins to the {side} text {joined!r}")


def _check_final(wanted: dict[str, State], entries: dict[str, Event], posts: dict[str, str], report: Report) -> None:
    seen = {posts[subject]: entry for subject, entry in entries.items()}
    report.final += [f"{post} is missing" for post in wanted if post not in seen]
    report.final += [f"{post} should not be there" for post in seen if post not in wanted]
    for post, state in wanted.items():
        if post in seen and _entry_state(seen[post], state) != _bare(state):
            report.final.append(f"{post} has another state")

"""Judges the history of a run, after Jepsen's Kafka checker (reliability.md 1, 8A): every sentence is a defect.

``python -m chaos.checker HISTORY.jsonl`` prints the defects; exit status 1 when there are any.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from chaos.history import History, Read, State, Write, digest
from deltawire.press.facts import fact_from_json
from deltawire.press.truth import compare

ENTRY = "deltawire.entry."


class Defect(NamedTuple):
    """``kind`` is a stable code."""

    kind: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.sentence}"


Defects = Iterator[Defect]


def check(history: History) -> list[Defect]:
    """Everything that is wrong; empty for a run in which every promise was kept."""
    run = _Run(history)
    return [
        *_check_values(run),
        *_check_readers(run),
        *_check_agreement(run),
        *_check_sequences(run),
        *_check_revisions(run),
        *_check_writes(run),
        *_check_truth(run),
        *_check_states(run),
        *_check_stored_revisions(run),
        *_check_positions(run),
        *_check_memories(run),
    ]


class _Run:
    """The history, indexed. ``log`` is what stands at each (partition, offset), as the first reader of it saw it."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.values = {value.digest: value.event for value in history.values}
        self.log: dict[tuple[int, int], Read] = {}
        for read in history.reads:
            self.log.setdefault((read.partition, read.offset), read)
        self.ordered = [self.log[place] for place in sorted(self.log)]
        self.events = [self.values[read.digest] for read in self.ordered if read.digest in self.values]
        self.visible = {(read.id, read.digest): place for place, read in sorted(self.log.items(), reverse=True)}

    def entry_events(self) -> Iterator[dict[str, Any]]:
        return (event for event in self.events if str(event.get("type")).startswith(ENTRY))


def _check_values(run: _Run) -> Defects:
    for value in run.history.values:
        if digest(value.event) != value.digest:
            yield Defect("value", f"{value.event.get('id')} is not what its digest {value.digest} says")
    for read in run.ordered:
        event = run.values.get(read.digest)
        where = f"{read.partition}@{read.offset}"
        if event is None:
            yield Defect("value", f"{where} has a value that is not in the history")
            continue
        feed = event["data"]["feed"]["id"]
        named = f"{feed}/{event['feedepoch']}/{int(event['sequence'])}"
        if not (read.id == event["id"] == named and read.sequence == int(event["sequence"])):
            yield Defect("identity", f"{where} was read as {read.id} #{read.sequence}, its value is {named}")


def _check_readers(run: _Run) -> Defects:
    reads: dict[str, list[Read]] = defaultdict(list)
    for read in run.history.reads:
        reads[read.reader].append(read)
    for reader in run.history.readers:
        at = dict(reader.start)
        seen: set[tuple[int, int]] = set()
        for read in reads.pop(reader.reader, []):
            if read.offset < at.get(read.partition, 0):
                yield Defect("order", f"{reader.reader} read {read.partition}@{read.offset} after a later offset")
            at[read.partition] = read.offset + 1
            seen.add((read.partition, read.offset))
        for partition, offset in run.log:
            inside = reader.start.get(partition, 0) <= offset < reader.end.get(partition, 0)
            if inside and (partition, offset) not in seen:
                yield Defect("unread", f"{reader.reader} went past {partition}@{offset} without reading it")
            elif not inside and (partition, offset) in seen:
                yield Defect("unread", f"{reader.reader} read {partition}@{offset}, outside of what it covered")
    for name in reads:
        yield Defect("unread", f"{name} says nowhere what it covered")
    for bounds in run.history.bounds:
        whole = any(
            r.start.get(bounds.partition, bounds.end + 1) <= bounds.begin and r.end.get(bounds.partition) == bounds.end
            for r in run.history.readers
        )
        if not whole:
            yield Defect("unread", f"nobody read the whole of partition {bounds.partition}")


def _check_agreement(run: _Run) -> Defects:
    for read in run.history.reads:
        first = run.log[read.partition, read.offset]
        if (read.id, read.digest, read.sequence) != (first.id, first.digest, first.sequence):
            where = f"{read.partition}@{read.offset}"
            yield Defect("divergence", f"at {where} {first.reader} read {first.id}, {read.reader} {read.id}")


def _check_sequences(run: _Run) -> Defects:
    """Each id once, each feed in one partition, sequences 1, 2, 3 ... in one epoch after another."""
    for id_, count in Counter(read.id for read in run.ordered).items():
        if count > 1:
            yield Defect("duplicate", f"{id_} stands {count} times in the log")
    partitions: dict[str, int] = {}
    epochs: dict[str, list[str]] = defaultdict(list)
    last: dict[str, int] = {}
    for read in run.ordered:
        feed, epoch, number = read.id.rsplit("/", 2)
        if partitions.setdefault(feed, read.partition) != read.partition:
            yield Defect("order", f"{read.id} stands in partition {read.partition}, {feed} in {partitions[feed]}")
        if epoch not in epochs[feed]:
            epochs[feed].append(epoch)
            last[feed] = 0
        elif epoch != epochs[feed][-1]:
            yield Defect("order", f"{read.id} comes after epoch {epochs[feed][-1]} has begun")
        sequence = int(number)
        if sequence != last[feed] + 1:
            kind = "hole" if sequence > last[feed] else "order"
            yield Defect(kind, f"{read.id} comes after {last[feed]}")
        last[feed] = max(sequence, last[feed])


def _check_revisions(run: _Run) -> Defects:
    last: dict[tuple[str, str], int] = {}
    for event in run.entry_events():
        entry = (f"{event['partitionkey']}/{event['feedepoch']}", event["subject"])
        revision = event["data"]["revision"]
        if revision != last.get(entry, 0) + 1:
            yield Defect("revision", f"{event['id']} is revision {revision} after {last.get(entry, 0)}")
        last[entry] = revision


def _check_writes(run: _Run) -> Defects:
    """Only where writes were recorded: in a run of several processes they are not."""
    if not run.history.writes:
        return
    possible: Counter[tuple[str, str]] = Counter()
    failed: set[tuple[str, str]] = set()
    for write in run.history.writes:
        if write.outcome == "failed":
            failed.update(write.events)
        else:
            possible.update(set(write.events))
    for event in run.visible:
        if event not in possible:
            kind = "aborted" if event in failed else "phantom"
            yield Defect(kind, f"{event[0]} was read, and no commit that can have happened wrote it")
    for write in run.history.writes:
        if write.outcome != "failed":
            yield from _check_write(run, write, possible)


def _check_write(run: _Run, write: Write, possible: Counter[tuple[str, str]]) -> Defects:
    missing = [event for event in write.events if event not in run.visible]
    # Part of a commit that did not happen may be there all the same: written by the one that followed it.
    happened = write.outcome == "ok" or any(e in run.visible and possible[e] == 1 for e in write.events)
    if missing and happened:
        kind = "lost" if write.outcome == "ok" else "torn"
        yield Defect(kind, f"of a commit of {write.writer} {missing[0][0]} is not there ({len(missing)} in all)")
    places = [run.visible[event] for event in write.events if event in run.visible]
    for partition in {place[0] for place in places}:
        offsets = [place[1] for place in places if place[0] == partition]
        if offsets != sorted(offsets):
            yield Defect("order", f"a commit of {write.writer} stands in another order in partition {partition}")


def _check_truth(run: _Run) -> Defects:
    facts: dict[str, list[Any]] = defaultdict(list)
    for line in run.history.facts:
        facts[line.feed].append(fact_from_json(line.fact))
    events: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for event in run.events:
        events[event["data"]["feed"]["id"]].append(event)
    for feed in {**facts, **events} if facts else ():
        try:
            report = compare(facts[feed], events[feed])
        except KeyError as post:
            yield Defect("truth", f"{feed}: the facts speak of {post} before it was created")
            continue
        for sentence in report.defects():
            yield Defect("truth", f"{feed}: {sentence}")


def _fold(run: _Run) -> dict[tuple[str, str], State]:
    """What the events add up to: the entries of each feed's last epoch."""
    states: dict[tuple[str, str], State] = {}
    epochs: dict[str, str] = {}
    for event in run.events:
        feed = event["data"]["feed"]["id"]
        if epochs.setdefault(feed, event["feedepoch"]) != event["feedepoch"]:
            epochs[feed] = event["feedepoch"]
            states = {key: state for key, state in states.items() if key[0] != feed}
        if event["type"].startswith(ENTRY):
            states[feed, event["subject"]] = State(
                where="store",
                feed=feed,
                # The event of a long entry holds only its beginning.
                entry={} if event["data"]["truncated"] else event["data"]["entry"],
                revision=event["data"]["revision"],
                sequence=int(event["sequence"]),
                removed_at=event["time"] if event["type"].endswith(".removed") else None,
            )
    return states


def _check_states(run: _Run) -> Defects:
    fold = _fold(run)
    for where in ("store", "entries"):
        held = [state for state in run.history.states if state.where == where]
        for key, count in Counter((state.feed, state.entry["id"]) for state in held).items():
            if key not in fold:
                yield Defect(where, f"it has {key}, of which no event speaks")
            if count > 1:
                yield Defect(where, f"it has {key} {count} times")
        by_key = {(state.feed, state.entry["id"]): state for state in held}
        for key, wanted in fold.items():
            state = by_key.get(key)
            if state is None:
                yield Defect(where, f"it lacks {key}")
                continue
            for name in ("revision", "sequence", "removed_at", "entry"):
                expected, got = getattr(wanted, name), getattr(state, name)
                if got != expected and expected != {}:
                    yield Defect(where, f"its {name} of {key} is not that of the last event")


def _check_stored_revisions(run: _Run) -> Defects:
    wanted = Counter(
        (event["id"], event["subject"], event["data"]["revision"], event["type"]) for event in run.entry_events()
    )
    stored = Counter((row.event_id, row.entry_id, row.revision, row.type) for row in run.history.revisions)
    for row in stored - wanted:
        yield Defect("revisions", f"the store has {row[0]} once more than the log, or otherwise")
    for row in wanted - stored:
        yield Defect("revisions", f"the store lacks {row[0]}, or has it otherwise")


def _check_positions(run: _Run) -> Defects:
    for at in run.history.positions:
        if not at.last < at.position <= at.end:
            where = f"{at.position} in partition {at.partition}"
            yield Defect("position", f"{at.consumer} stands at {where}, its input ends with {at.last} before {at.end}")


def _check_memories(run: _Run) -> Defects:
    """The differ numbers the next event after these: one that it remembers and nobody can read is lost."""
    last = {event["data"]["feed"]["id"]: (event["feedepoch"], int(event["sequence"])) for event in run.events}
    for memory in run.history.memories:
        if last.get(memory.feed) != (memory.epoch, memory.sequence):
            number = f"{memory.feed}/{memory.epoch}/{memory.sequence}"
            yield Defect("memory", f"the differ's last event is {number}, the log's {last.get(memory.feed)}")


if __name__ == "__main__":
    found = check(History.parse(Path(sys.argv[1]).read_bytes()))
    print(*found, sep="\n")
    sys.exit(bool(found))

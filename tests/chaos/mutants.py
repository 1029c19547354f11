"""Ways to spoil the history of a good run, each of which the checker must see. From a seeded random choice."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from chaos.history import Read, Write
from chaos.spoiler import ENTRY, Spoiler


def lose_event(s: Spoiler) -> None:
    s.drop(s.a_place())


def lose_last_event_of_a_feed(s: Spoiler) -> None:
    place = s.a_place()
    s.drop([place, *s.later(place)][-1])


def lose_what_was_acknowledged(s: Spoiler) -> None:
    write = s.rng.choice([write for write in s.history.writes if write.outcome == "ok"])
    id_ = s.rng.choice(write.events)[0]
    s.history.reads = [read for read in s.history.reads if read.id != id_]


def forget_what_was_said(s: Spoiler) -> None:
    s.rng.choice(s.history.memories).sequence -= 1


def skip_for_one_reader(s: Spoiler) -> None:
    s.history.reads.remove(s.a_read())


def end_one_reader_early(s: Spoiler) -> None:
    reader = s.rng.choice(s.history.readers)
    own = [read for read in s.history.reads if read.reader == reader.reader]
    gone = own[-s.rng.randint(1, 10) :]
    s.history.reads = [read for read in s.history.reads if not any(read is one for one in gone)]


def read_again(s: Spoiler) -> None:
    read = s.a_read()
    s.history.reads.insert(s.history.reads.index(read) + 1, copy.copy(read))


def read_in_another_order(s: Spoiler) -> None:
    reader = s.rng.choice(s.history.readers).reader
    partition = s.a_place()[0]
    own = [n for n, r in enumerate(s.history.reads) if r.reader == reader and r.partition == partition]
    at = s.rng.randrange(len(own) - 1)
    a, b = own[at], own[at + 1]
    s.history.reads[a], s.history.reads[b] = s.history.reads[b], s.history.reads[a]


def double(s: Spoiler) -> None:
    s.show(s.a_hole(), s.at(s.a_place())[0])


def double_with_another_value(s: Spoiler) -> None:
    """The same id twice, the second time with another text."""
    event = copy.deepcopy(s.events[s.at(s.a_place(entry=True))[0].digest])
    event["data"]["entry"]["content_text"] += " once more"
    s.show(s.a_hole(), s.value(event))


def swap(s: Spoiler) -> None:
    first, second = s.a_pair()
    for a, b in zip(s.at(first), s.at(second), strict=True):
        a.id, b.id = b.id, a.id
        a.sequence, b.sequence = b.sequence, a.sequence
        a.digest, b.digest = b.digest, a.digest


def move_to_another_partition(s: Spoiler) -> None:
    place = s.a_place()
    like = s.at(place)[0]
    hole = next(h for h in iter(s.a_hole, None) if h[0] != place[0])
    s.drop(place)
    s.show(hole, like)


def let_one_reader_see_another_event(s: Spoiler) -> None:
    read = s.a_read()
    other = s.rng.choice([r for r in s.history.reads if r.id != read.id])
    read.id, read.sequence, read.digest = other.id, other.sequence, other.digest


def let_one_reader_see_another_value(s: Spoiler) -> None:
    read = s.rng.choice([r for r in s.history.reads if s.events[r.digest]["type"].startswith(ENTRY)])
    event = copy.deepcopy(s.events[read.digest])
    event["data"]["entry"]["content_text"] = "torn"
    read.digest = s.value(event).digest


def damage_value(s: Spoiler) -> None:
    """The bytes are no longer what their digest says."""
    value = s.rng.choice(s.history.values)
    value.event["data"]["feed"]["title"] = "damaged"


def forget_value(s: Spoiler) -> None:
    digest_ = s.at(s.a_place())[0].digest
    s.history.values = [value for value in s.history.values if value.digest != digest_]


def alter_text(s: Spoiler) -> None:
    def change(event: dict[str, Any]) -> None:
        event["data"]["entry"]["content_text"] += " and more"

    s.rewrite(s.a_place(entry=True), change)


def alter_type(s: Spoiler) -> None:
    def change(event: dict[str, Any]) -> None:
        tails = ["created", "updated", "removed", "restored"]
        event["type"] = ENTRY + s.rng.choice([tail for tail in tails if not event["type"].endswith(tail)])

    s.rewrite(s.a_place(entry=True), change)


def alter_revision(s: Spoiler) -> None:
    def change(event: dict[str, Any]) -> None:
        event["data"]["revision"] += s.rng.choice([-1, 1, 5])

    s.rewrite(s.a_place(entry=True), change)


def alter_id(s: Spoiler) -> None:
    def change(event: dict[str, Any]) -> None:
        event["id"] = f"{event['data']['feed']['id']}/{event['feedepoch']}/{int(event['sequence']) + 1000}"

    s.rewrite(s.a_place(), change)


def _renumbered(s: Spoiler, epoch: str | None, shift: int) -> None:
    """From some event of a feed on, another epoch or other numbers, consistently."""
    place = s.a_pair()[1]

    def change(event: dict[str, Any]) -> None:
        event["feedepoch"] = epoch or event["feedepoch"]
        event["sequence"] = f"{int(event['sequence']) + shift:020d}"
        event["id"] = f"{event['data']['feed']['id']}/{event['feedepoch']}/{int(event['sequence'])}"

    for each in [place, *s.later(place)]:
        s.rewrite(each, change)


def leave_a_hole(s: Spoiler) -> None:
    _renumbered(s, None, s.rng.randint(1, 3))


def change_epoch_without_beginning_anew(s: Spoiler) -> None:
    _renumbered(s, "ffffffffff", 0)


def _follower(s: Spoiler) -> Read:
    """One more event of a feed, which continues its sequence."""
    place = s.a_place(entry=True)
    last = s.at([place, *s.later(place)][-1])[0]
    event = copy.deepcopy(s.events[s.at(place)[0].digest])
    event["sequence"] = f"{last.sequence + 1:020d}"
    event["id"] = f"{event['data']['feed']['id']}/{event['feedepoch']}/{last.sequence + 1}"
    event["data"]["revision"] += 1
    return s.value(event)


def _append(s: Spoiler, like: Read, partition: int) -> None:
    for bounds in s.history.bounds:
        if bounds.partition == partition:
            place = (partition, bounds.end)
            bounds.end += 2
            for reader in s.history.readers:
                reader.end[partition] = bounds.end
            s.show(place, like)


def show_aborted(s: Spoiler) -> None:
    like = _follower(s)
    feed = like.id.split("/")[0]
    s.history.writes.append(Write(writer="test.differ.0", outcome="failed", events=[(like.id, like.digest)]))
    partition = next(r.partition for r in s.history.reads if r.id.startswith(f"{feed}/"))
    _append(s, like, partition)


def show_what_nobody_wrote(s: Spoiler) -> None:
    like = _follower(s)
    feed = like.id.split("/")[0]
    _append(s, like, next(r.partition for r in s.history.reads if r.id.startswith(f"{feed}/")))


def abort_what_is_seen(s: Spoiler) -> None:
    """A commit that readers saw is said to have failed: one that no other commit repeats."""
    s.rng.choice(s.unrepeated()).outcome = "failed"


def tear(s: Spoiler) -> None:
    """Of a commit whose outcome its writer never learnt, one event is missing."""
    write = s.rng.choice([write for write in s.unrepeated() if len(write.events) > 1])
    write.outcome = "unknown"
    id_ = s.rng.choice(write.events)[0]
    s.history.reads = [read for read in s.history.reads if read.id != id_]


def change_stored_text(s: Spoiler) -> None:
    s.a_state("store").entry["content_text"] += "!"


def change_stored_revision(s: Spoiler) -> None:
    s.a_state("store").revision += 1


def change_stored_sequence(s: Spoiler) -> None:
    s.a_state("store").sequence -= 1


def change_stored_removal(s: Spoiler) -> None:
    state = s.a_state("store")
    state.removed_at = "2026-02-01T00:00:00Z" if state.removed_at is None else None


def drop_stored_entry(s: Spoiler) -> None:
    s.history.states.remove(s.a_state("store"))


def double_stored_entry(s: Spoiler) -> None:
    s.history.states.append(copy.copy(s.a_state("store")))


def invent_stored_entry(s: Spoiler) -> None:
    state = copy.copy(s.a_state("store"))
    state.entry = state.entry | {"id": "invented"}
    s.history.states.append(state)


def change_entries_topic(s: Spoiler) -> None:
    s.a_state("entries").sequence += 1


def drop_from_entries_topic(s: Spoiler) -> None:
    s.history.states.remove(s.a_state("entries"))


def drop_stored_revision(s: Spoiler) -> None:
    s.history.revisions.remove(s.rng.choice(s.history.revisions))


def double_stored_revision(s: Spoiler) -> None:
    s.history.revisions.append(s.rng.choice(s.history.revisions))


def change_stored_revision_type(s: Spoiler) -> None:
    s.rng.choice(s.history.revisions).type += "x"


def set_position_back(s: Spoiler) -> None:
    at = s.rng.choice(s.history.positions)
    at.position = s.rng.randint(0, at.last)


def set_position_beyond_the_end(s: Spoiler) -> None:
    at = s.rng.choice(s.history.positions)
    at.position = at.end + s.rng.randint(1, 9)


def publish_more(s: Spoiler) -> None:
    """A fact that nobody said."""
    fact = copy.deepcopy(s.rng.choice([f for f in s.history.facts if f.fact["kind"] == "created"]))
    fact.fact["post"] = "post-unheard-of"
    s.history.facts.append(fact)


def publish_less(s: Spoiler) -> None:
    s.history.facts.remove(s.rng.choice(s.history.facts))


def publish_otherwise(s: Spoiler) -> None:
    fact = s.rng.choice([f for f in s.history.facts if f.fact["new"]])
    fact.fact["new"]["text"] += " indeed"


EXPECTED: dict[Callable[[Spoiler], None], str] = {
    lose_event: "",
    lose_last_event_of_a_feed: "memory",
    lose_what_was_acknowledged: "lost",
    forget_what_was_said: "memory",
    skip_for_one_reader: "unread",
    end_one_reader_early: "unread",
    read_again: "order",
    read_in_another_order: "order",
    double: "duplicate",
    double_with_another_value: "duplicate",
    swap: "order",
    move_to_another_partition: "order",
    let_one_reader_see_another_event: "divergence",
    let_one_reader_see_another_value: "divergence",
    damage_value: "value",
    forget_value: "value",
    alter_text: "truth",
    alter_type: "truth",
    alter_revision: "revision",
    alter_id: "identity",
    leave_a_hole: "hole",
    change_epoch_without_beginning_anew: "hole",
    show_aborted: "aborted",
    show_what_nobody_wrote: "phantom",
    abort_what_is_seen: "aborted",
    tear: "torn",
    change_stored_text: "store",
    change_stored_revision: "store",
    change_stored_sequence: "store",
    change_stored_removal: "store",
    drop_stored_entry: "store",
    double_stored_entry: "store",
    invent_stored_entry: "store",
    change_entries_topic: "entries",
    drop_from_entries_topic: "entries",
    drop_stored_revision: "revisions",
    double_stored_revision: "revisions",
    change_stored_revision_type: "revisions",
    set_position_back: "position",
    set_position_beyond_the_end: "position",
    publish_more: "truth",
    publish_less: "truth",
    publish_otherwise: "truth",
}
"""Every way, and the kind of defect that it must at least be called; where it depends on what was hit, any."""

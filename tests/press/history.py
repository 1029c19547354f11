"""Events as a perfect deltawire would write them, made from facts: what the comparer is tested with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deltawire.press.facts import Fact, State

Event = dict[str, Any]


def events_of(facts: Sequence[Fact], *, feed: str = "f", epoch: str = "e1") -> list[Event]:
    """Structured CloudEvents for the facts, after a ``feed.started``, numbered without holes."""
    events = [_event(feed, epoch, 1, "deltawire.feed.started", feed, {"state": "open"})]
    for number, fact in enumerate(facts, start=2):
        events.append(_event(feed, epoch, number, f"deltawire.entry.{fact.kind}", f"entry-{fact.post}", _data(fact)))
    return events


def _event(feed: str, epoch: str, number: int, type_: str, subject: str, data: Event) -> Event:
    return {
        "id": f"{feed}/{epoch}/{number}",
        "source": f"urn:test/feeds/{feed}",
        "type": type_,
        "subject": subject,
        "sequence": f"{number:020d}",
        "feedepoch": epoch,
        "data": {"feed": {"id": feed}, **data},
    }


def _data(fact: Fact) -> Event:
    state = fact.new or fact.old
    assert state is not None
    changes = []
    if fact.kind == "updated" and fact.old and fact.new and fact.old.text != fact.new.text:
        changes = [{"field": "content_text", "diff": [["-", fact.old.text], ["+", fact.new.text]]}]
    return {"entry": entry(fact, state), "changes": changes}


def entry(fact: Fact, state: State) -> Event:
    return {
        "id": f"entry-{fact.post}",
        "source_id": f"https://blog.example/live#post-{fact.post}",
        "title": state.title,
        "content_text": state.text.replace(". ", ".\n\n"),
        "authors": [state.author] if state.author else [],
        "labels": list(state.labels or ()),
        "published_at": fact.published_at and fact.published_at.isoformat(),
    }

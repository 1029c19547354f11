"""What a look costs the differ, beside reading the document it looks at, in one run.

    .venv/bin/python bench/differ_bench.py [--entries N] [--rounds R]

Both are timed on the same JSON Feed: reading is ``formats.registry`` with nothing remembered, deciding is all from a
look to its events. The share of reading is what a look would still cost if deciding cost nothing. The comparison
without ids matches all entries of two documents; where all changed, no text is the same as before.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

import msgspec
import orjson

from deltawire.differ import identity
from deltawire.differ.decide import decide
from deltawire.differ.emit import emit
from deltawire.differ.state import FeedState, Known, Policy
from deltawire.formats import registry
from deltawire.formats.base import Raw
from deltawire.model import Document, Entry, FeedRef, Reading
from deltawire.press import words

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
replace = msgspec.structs.replace


def feed(count: int, *, edited: frozenset[int] = frozenset()) -> bytes:
    """A JSON Feed of invented entries of about 1.7 KB; those ``edited`` have one word more."""
    items = []
    for number in range(count):
        rng = Random(number)
        body = "".join(f"<p>{words.sentence(rng)} {words.sentence(rng)}</p>" for _ in range(9))
        items.append(
            {
                "id": f"post-{number}",
                "url": f"https://blog.example/live#post-{number}",
                "title": words.headline(rng) + (" today" if number in edited else ""),
                "content_html": body,
                "date_published": (NOW - timedelta(minutes=number)).isoformat(),
            }
        )
    return orjson.dumps(
        {"version": "https://jsonfeed.org/version/1.1", "title": "Live", "next_url": "/2", "items": items}
    )


def read(body: bytes) -> Reading:
    return registry.read(Raw(body=body, url="https://blog.example/feed.json", content_type=None, fetched_at=NOW))


class Differ:
    """The memory after the first look, from which every later look starts again."""

    def __init__(self, reading: Reading) -> None:
        self.state: FeedState | None = None
        self.known: dict[str, Known] = {}
        self.events, self.state, entries = self.look(reading, 0)
        self.known = {entry_id: known for entry_id, known in entries.items() if known is not None}

    def look(self, reading: Reading, number: int) -> tuple[int, FeedState | None, dict[str, Known | None]]:
        moment = NOW + timedelta(seconds=20 * number)
        look = Document(
            poll_id=f"{number:032x}",
            feed=FeedRef(id="bench", url="https://blog.example/feed.json"),
            poller="bench",
            began_at=moment,
            fetched_at=moment,
            reading=reading,
            digest=str(number),
        )
        emission = emit(self.state, decide(self.state, self.known, look, Policy()), look, "urn:bench")
        return len(emission.events), emission.state, emission.entries


def median(rounds: int, work: Callable[[], object]) -> float:
    """Milliseconds."""
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def row(name: str, deciding: float, reading: float, events: int) -> None:
    share = reading / (reading + deciding)
    print(f"{name:<50}{deciding:8.2f} ms{reading:10.2f} ms{share:8.0%}{deciding / reading:9.3f}{events:8}")


def looks(count: int, rounds: int) -> None:
    bodies = {
        f"{count} entries, none changed": feed(count),
        f"{count} entries, one changed": feed(count, edited=frozenset({count // 2})),
        f"{count} entries, all changed": feed(count, edited=frozenset(range(count))),
    }
    differ = Differ(read(feed(count)))
    for name, body in bodies.items():
        reading = read(body)
        deciding = median(rounds, lambda reading=reading: differ.look(reading, 1))  # type: ignore[misc]
        events, _, _ = differ.look(reading, 1)
        row(name, deciding, median(rounds, lambda body=body: read(body)), events)  # type: ignore[misc]


def without_ids(count: int, rounds: int) -> None:
    def bare(entry: Entry, *, timed: bool) -> Entry:
        return replace(entry, source_id=None, url=None, published_at=entry.published_at if timed else None)

    before, after = read(feed(count)), read(feed(count, edited=frozenset(range(count))))
    reading = median(rounds, lambda: read(feed(count)))
    for name, new, timed in (
        ("no ids, none changed", before, True),
        ("no ids, all changed", after, True),
        ("neither ids nor times, none changed", before, False),
        ("neither ids nor times, all changed", after, False),
    ):
        first = identity.match({}, [bare(e, timed=timed) for e in before.entries])
        known = {e.id: Known(entry=e, revision=1) for e in first.entries}
        shown = [bare(e, timed=timed) for e in new.entries]
        found = identity.match(known, shown, order=tuple(known))
        assert [e.id for e in found.entries] == list(known)
        matching = median(rounds, lambda known=known, shown=shown: identity.match(known, shown, order=tuple(known)))  # type: ignore[misc]
        row(f"{count} by {count}, {name}", matching, reading, found.pairs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    print(f"{'':<50}{'deciding':>11}{'reading':>13}{'share':>8}{'ratio':>9}{'events':>8}")
    looks(options.entries, options.rounds)
    print(f"\n{'':<50}{'matching':>11}{'reading':>13}{'share':>8}{'ratio':>9}{'pairs':>8}")
    without_ids(200, options.rounds)


if __name__ == "__main__":
    main()

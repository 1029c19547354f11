"""Blogs with noise in every entry, for the tests of what is learned of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from random import Random

from deltawire.events import EntryData, Event
from deltawire.model import Entry
from differ.build import START, Desk

PROMOS = [
    "Support our reporting from as little as five crowns a month.",
    "Sign up for the morning letter and miss nothing.",
    "Listen to the week in rivers, our podcast.",
    "Read on: the ferry that never sailed.",
    "Tickets for our summer walk are on sale.",
]
Body = list[str]
Noise = Callable[[str, Body, Random], Body]


def wordy(rng: Random) -> str:
    stems = ("riv", "mil", "boa", "tow", "qua", "sto", "fer", "gau", "orc", "tun")
    ends = ("en", "ar", "ill", "oma", "est", "ine", "ock", "uda", "ey", "ath")
    return " ".join(f"{rng.choice(stems)}{rng.choice(ends)}" for _ in range(6)).capitalize() + "."


def promo_below(_: str, body: Body, rng: Random) -> Body:
    return [*body, rng.choice(PROMOS)]


def promo_above(_: str, body: Body, rng: Random) -> Body:
    return [rng.choice(PROMOS), *body]


def never_twice(_: str, body: Body, rng: Random) -> Body:
    return [*body, wordy(rng)]


def sentence_within(_: str, body: Body, rng: Random) -> Body:
    return [*body[:-1], f"{body[-1]} {wordy(rng)}"]


def token_within(_: str, body: Body, rng: Random) -> Body:
    return [*body[:-1], f"{body[-1]} ref {rng.getrandbits(40):010x}a1"]


def related_box(_: str, body: Body, rng: Random) -> Body:
    return [*body, *rng.sample(PROMOS, 3)]


NOISES = (promo_below, promo_above, never_twice, sentence_within, token_within, related_box)


def told(name: str, body: Sequence[str], minute: int, **fields: object) -> Entry:
    return Entry(
        source_id=name,
        content_text="\n".join(body),
        content_html="".join(f"<p>{line}</p>" for line in body),
        published_at=START + timedelta(minutes=minute),
        published_precision="exact",
        **fields,  # type: ignore[arg-type]
    )


class Blog:
    """Entries by name, newest first, shown with ``noise`` in each."""

    def __init__(self, noise: Noise, count: int = 6) -> None:
        self.noise = noise
        self.desk = Desk()
        self.bodies = {
            f"e{n}": [f"Report {n} begins with the boats.", f"Then {n + 3} volunteers came to the harbour of {n}."]
            for n in range(count)
        }
        self.looks = 0

    def entry(self, name: str) -> Entry:
        rng = Random(f"{self.looks}/{name}")
        return told(name, self.noise(name, self.bodies[name], rng), int(name[1:]))

    def look(self) -> list[Event]:
        self.looks += 1
        shown = [self.entry(name) for name in sorted(self.bodies, key=lambda n: -int(n[1:]))]
        return [e for e in self.desk.show(*shown) if isinstance(e.data, EntryData)]

    def learn(self, looks: int = 12) -> list[Event]:
        self.look()
        return [event for _ in range(looks) for event in self.look()]

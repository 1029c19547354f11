"""What is done to a sheet before it is drawn: each a small function ``(sheet, turn) -> sheet``.

The first part is what a source does with its page (windows, pins, ids, times): the truth follows from its result. The
second, ``noise``, is done anew at every look and means nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random

from deltawire.press.shown import Sheet, Shown


@dataclass(frozen=True, slots=True)
class Turn:
    """When a sheet is made: at which step of the blog (for pages), at which look (for noise). ``rng`` is its own."""

    number: int
    rng: Random


_INSTANT = timedelta(seconds=1)
LATELY = timedelta(minutes=15)

Change = Callable[[Sheet, Turn], Sheet]


def window(size: int) -> Change:
    return lambda sheet, _: _cut(sheet, size)


def breathing_window(sheet: Sheet, turn: Turn) -> Sheet:
    """Another size every three steps."""
    sizes = (9, 5, 12, 4, 8, 14, 6)
    return _cut(sheet, sizes[turn.number // 3 % len(sizes)])


def window_by_total(sheet: Sheet, _: Turn) -> Sheet:
    """Ten posts and the rest of the total: when it reaches a multiple of ten, ten posts leave at once."""
    return _cut(sheet, 10 + len(sheet.items) % 10)


def answers(sheet: Sheet, _: Turn) -> Sheet:
    """What is new: posts that were published or edited lately, and three at least. Withdrawals are named for ever."""
    since = sheet.blog.modified_at - LATELY
    new = [item for n, item in enumerate(sheet.items) if n < 3 or (item.updated_at or item.created_at or since) > since]
    return replace(sheet, items=tuple(new), below=tuple(item for item in sheet.items if item not in new))


def _cut(sheet: Sheet, size: int) -> Sheet:
    return replace(sheet, items=sheet.items[:size], below=(*sheet.items[size:], *sheet.below))


def float_pinned(sheet: Sheet, _: Turn) -> Sheet:
    """The newest pinned post stands at the top, also if it is beyond the window."""
    pinned = _pinned(sheet)[:1]
    names = {item.post for item in pinned}
    return replace(sheet, items=(*pinned, *(item for item in sheet.items if item.post not in names)))


def copy_pinned(sheet: Sheet, _: Turn) -> Sheet:
    """The newest pinned post stands at the top as ``<id>-pinned``; if it is the first post, only there."""
    pinned = _pinned(sheet)[:1]
    if not pinned:
        return sheet
    first = pinned[0]
    rest = sheet.items[1:] if sheet.items and sheet.items[0].post == first.post else sheet.items
    return replace(sheet, items=(replace(first, id=f"{first.id}-pinned"), *rest))


def _pinned(sheet: Sheet) -> tuple[Shown, ...]:
    return tuple(item for item in (*sheet.items, *sheet.below) if "pinned" in item.labels)


def no_ids(sheet: Sheet, _: Turn) -> Sheet:
    return _named(sheet, lambda *_: None)


def positional_ids(sheet: Sheet, _: Turn) -> Sheet:
    """``1`` is the first of the document, whichever it is."""
    return _named(sheet, lambda place, _: str(place + 1))


def ids_by_revision(sheet: Sheet, _: Turn) -> Sheet:
    """A new guid with each edit."""
    return _named(sheet, lambda _, item: _hash(f"{item.post}/{item.revision}"))


def ids_by_order(sheet: Sheet, _: Turn) -> Sheet:
    """The id holds the place in the order, counted from the end: a withdrawal renumbers all that are newer."""
    total = len(sheet.items) + len(sheet.below)
    return _named(sheet, lambda place, _: f"entry-{total - place:05}")


def ids_by_time(sheet: Sheet, _: Turn) -> Sheet:
    """The id is the time of the last edit."""
    return _named(
        sheet, lambda _, item: f"{(item.updated_at or item.created_at or sheet.blog.modified_at).timestamp():.0f}"
    )


def one_id(sheet: Sheet, _: Turn) -> Sheet:
    return _named(sheet, lambda *_: "live")


def _named(sheet: Sheet, name: Callable[[int, Shown], str | None]) -> Sheet:
    items = tuple(replace(item, id=name(place, item)) for place, item in enumerate(sheet.items))
    return replace(sheet, items=items)


def no_times(sheet: Sheet, _: Turn) -> Sheet:
    return replace(sheet, items=tuple(replace(i, created_at=None, updated_at=None) for i in sheet.items))


def whole_minutes(sheet: Sheet, _: Turn) -> Sheet:
    def minute(item: Shown) -> Shown:
        created, updated = item.created_at, item.updated_at
        return replace(
            item,
            created_at=created and created.replace(second=0),
            updated_at=updated and updated.replace(second=0),
        )

    return replace(sheet, items=tuple(map(minute, sheet.items)))


def updated_before_published(sheet: Sheet, _: Turn) -> Sheet:
    """Posts that were not edited state an update an instant before their publication."""

    def early(item: Shown) -> Shown:
        return item if item.updated_at else replace(item, updated_at=item.created_at and item.created_at - _INSTANT)

    return replace(sheet, items=tuple(map(early, sheet.items)))


def ages(sheet: Sheet, turn: Turn) -> Sheet:
    """How long ago, as a paragraph of its own."""
    return _appended(sheet, lambda: f'<p class="ago">{turn.rng.randint(1, 59)} mins ago</p>')


def counters(sheet: Sheet, turn: Turn) -> Sheet:
    """How often seen and shared."""
    return _appended(
        sheet,
        lambda: f'<p class="stats">{turn.rng.randint(100, 99_999):,} views · {turn.rng.randint(2, 900)} shares</p>',
    )


def _appended(sheet: Sheet, block: Callable[[], str]) -> Sheet:
    return replace(sheet, items=tuple(replace(i, body=(*i.body, block())) for i in sheet.items))


_PROMOS = (
    "Support our reporting from as little as five crowns a month",
    "Sign up for the morning letter and miss nothing",
    "Listen to the week in rivers, our podcast",
    "Tickets for our summer walk are on sale",
    "Read on: the ferry that never sailed",
)


def rotating_promos(sheet: Sheet, turn: Turn) -> Sheet:
    """An appeal below every post, another one at most looks."""
    return _appended(sheet, lambda: f'<p class="promo">{turn.rng.choice(_PROMOS)}</p>')


def related_boxes(sheet: Sheet, turn: Turn) -> Sheet:
    """Three headlines below every post, drawn anew at every look."""

    def boxed(item: Shown) -> Shown:
        chosen = turn.rng.sample(_PROMOS, 3)
        return replace(item, body=(*item.body, *(f"<p>{promo}</p>" for promo in chosen)))

    return replace(sheet, items=tuple(map(boxed, sheet.items)))


def media_tokens(sheet: Sheet, turn: Turn) -> Sheet:
    """A picture below every post, at an address that is another at every look."""

    def pictured(item: Shown) -> Shown:
        url = f"https://cdn.example/{turn.rng.getrandbits(48):012x}a1/of-{item.post}.jpg"
        return replace(item, body=(*item.body, f'<figure><img src="{url}" alt="The quay"></figure>'))

    return replace(sheet, items=tuple(map(pictured, sheet.items)))


INJECTED = re.compile(r"\d+ mins ago|[\d,]+ views · \d+ shares|" + "|".join(map(re.escape, _PROMOS)))
"""What noise puts into a text: a candidate may tell it or leave it out."""

_ADVERTS = (
    "Support our journalism: from as little as five crowns a month",
    "Sign up for our morning newsletter and never miss a story",
    "Listen to our podcast: the week in rivers",
)


def adverts(sheet: Sheet, turn: Turn) -> Sheet:
    """Appeals among the posts, as blocks without a time, other ones at every look."""
    items = list(sheet.items)
    for _ in range(turn.rng.randint(0, 2)):
        advert = Shown(
            post=None,
            id=f"ad-{turn.rng.getrandbits(32):08x}",
            title=None,
            body=(f"<p>{turn.rng.choice(_ADVERTS)}</p>",),
            author="",
            created_at=None,
        )
        items.insert(turn.rng.randint(1, len(items)), advert)
    return replace(sheet, items=tuple(items))


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:24]

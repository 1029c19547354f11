"""Every misbehaviour by its name. A new one is a small function in ``sheets`` or ``transport`` and one line here.

They are composed: each changes what the editors do, what a sheet shows, what a look is given, or what headers say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random

from deltawire.press import sheets, transport
from deltawire.press.desk import NAMELESS, Deed
from deltawire.press.render import FORMATS, Format, FormatName
from deltawire.press.sheets import Change
from deltawire.press.transport import Headers, Planner


def _any(_: Format) -> bool:
    return True


def _window(form: Format) -> bool:
    return form.coverage == "window"


def _loose(form: Format) -> bool:
    """Sources in this format may leave out or misuse ids and times."""
    return "id" in form.carries and not form.strict


def _carries_id(form: Format) -> bool:
    return "id" in form.carries


def _polled(form: Format) -> bool:
    return "polled" in form.carries


def _lasting(form: Format) -> bool:
    """A program can tell a post's noise from the post only where it knows that it is the same post."""
    return _marked(form) and _carries_id(form)


def _marked(form: Format) -> bool:
    return "end-mark" in form.carries


@dataclass(frozen=True, slots=True, kw_only=True)
class Misbehaviour:
    """``touches`` names what it lays hands on; two that touch the same thing are not combined.

    ``deeds`` are what editors do besides the usual, with weights; ``page`` and ``noise`` change the sheet, ``planner``
    and ``headers`` what a look is given. ``alike``, ``opening`` and ``gap`` are the desk's.
    ``learning``: updates of one post that say nothing new and cost nothing: no program knows this noise at once.
    ``busy``: up to that many deeds between two looks. ``night`` in hours: such a time passes once. ``query`` is that of
    the address at which such a page is asked for.
    """

    says: str
    touches: frozenset[str]
    fits: Callable[[Format], bool] = _any
    deeds: Mapping[Deed, int] = field(default_factory=dict)
    page: Change | None = None
    noise: Change | None = None
    planner: Planner | None = None
    headers: Headers | None = None
    rendered: bool = False
    alike: float = 0.0
    opening: int = 6
    gap: tuple[int, int] | None = None
    busy: int = 1
    night: int = 0
    learning: int = 0
    query: str = ""


def _m(says: str, touches: str, **rest: object) -> Misbehaviour:
    return Misbehaviour(says=says, touches=frozenset(touches.split()), **rest)  # type: ignore[arg-type]


# Where no lasting id is stated, a post keeps most of its words in one edit; where no time is stated either, more.
_WORDS = 0.5
# Two until such noise is learned, and one where chance made one of the looks say too little (docs/freshness.md).
_LEARNING = 3
_STALE = ("captcha", "down", "empty")

MISBEHAVIOURS: dict[str, Misbehaviour] = {
    "none": _m("well-behaved", ""),
    "busy": _m("several deeds between two looks", "pace", busy=4),
    "window": _m("shows the newest seven", "window", fits=_window, page=sheets.window(7), opening=10),
    "breathing-window": _m(
        "a window that shrinks and grows", "window", fits=_window, page=sheets.breathing_window, opening=16
    ),
    "window-by-total": _m(
        "10 + total mod 10: ten leave at once", "window", fits=_window, page=sheets.window_by_total, opening=17
    ),
    "answers": _m(
        "answers to polls: only what is new, and withdrawals",
        "window pins",
        fits=_polled,
        page=sheets.answers,
        query="amp_latest_update_time=1",
    ),
    "pinned-floats": _m(
        "pinned posts at the top, out of order", "pins order", fits=_carries_id, page=sheets.float_pinned
    ),
    "pinned-copy": _m(
        "a copy <id>-pinned at the top; the only one while it is first",
        "pins ids order",
        fits=_carries_id,
        page=sheets.copy_pinned,
    ),
    "no-ids": _m("no ids and no links", "ids", fits=_loose, page=sheets.no_ids, alike=_WORDS),
    "positional-ids": _m("ids are positions", "ids", fits=_loose, page=sheets.positional_ids, alike=_WORDS),
    "ids-by-revision": _m("a new guid with each edit", "ids", fits=_loose, page=sheets.ids_by_revision, alike=_WORDS),
    "ids-by-order": _m("ids hold the sort order", "ids order", fits=_loose, page=sheets.ids_by_order, alike=_WORDS),
    "ids-by-time": _m("ids hold the time of the last edit", "ids", fits=_loose, page=sheets.ids_by_time, alike=_WORDS),
    "one-id": _m("one guid for all", "ids", fits=_loose, page=sheets.one_id, alike=_WORDS),
    "twice-used-ids": _m("two posts share an id", "ids", fits=_loose, deeds={"pair": 3}, alike=_WORDS),
    "no-times": _m("no times at all", "times order", fits=_loose, page=sheets.no_times),
    "no-ids-no-times": _m(
        "neither ids nor times",
        "ids times order",
        fits=_loose,
        page=lambda sheet, turn: sheets.no_ids(sheets.no_times(sheet, turn), turn),
        alike=NAMELESS,
    ),
    "minutes": _m(
        "times to the minute, several in one", "times", fits=_carries_id, page=sheets.whole_minutes, gap=(3, 25)
    ),
    "early-updates": _m(
        "updated before published", "times", fits=lambda f: "updated" in f.carries, page=sheets.updated_before_published
    ),
    "moved-times": _m("editors move publication times", "times", fits=_carries_id, deeds={"move": 4}),
    "twins": _m("two reports of one minute that differ in a name", "deeds", deeds={"twins": 4, "edit": 2}),
    "reversals": _m("back to an earlier text", "deeds", deeds={"revert": 6, "edit": 2, "restore": 3}),
    "split-merge": _m("posts are split and merged", "deeds", deeds={"split": 5, "merge": 3}),
    "republished": _m(
        "withdrawn posts come back under a new id",
        "deeds ids",
        fits=_carries_id,
        deeds={"republish": 5, "withdraw": 3, "restore": -2},
    ),
    "stale-honest": _m(
        "two nodes in turn, one behind, with Age and Date", "cache", planner=transport.alternating, busy=2
    ),
    "stale-days": _m("copies minutes to days old", "cache", planner=transport.days_old, night=80),
    "stale-no-age": _m(
        "old copies with their Date and no Age", "cache", planner=transport.alternating, headers=transport.without_age
    ),
    "stale-silent": _m(
        "old copies, no headers at all", "cache pace", planner=transport.bounded, headers=transport.silent
    ),
    "stale-redated": _m(
        "old copies with a Date of now", "cache pace", planner=transport.bounded, headers=transport.redated
    ),
    "stale-2041": _m(
        "old copies, Last-Modified in 2041, no Date",
        "cache pace",
        planner=transport.bounded,
        headers=transport.from_2041,
    ),
    "stale-ahead": _m(
        "old copies from a node an hour ahead", "cache pace", planner=transport.bounded, headers=transport.skewed
    ),
    "wandering-clocks": _m(
        "nodes an hour ahead and behind", "cache", planner=transport.patient, headers=transport.wandering
    ),
    "failures": _m("captcha with 200, 5xx, empty 200", "failures", planner=transport.failing(*_STALE)),
    "cut-off": _m(
        "bodies cut anywhere and between posts",
        "failures",
        fits=_marked,
        planner=transport.failing("cut-anywhere", "cut-between"),
    ),
    "mistyped": _m("another content type now and then", "failures", planner=transport.failing("mistyped")),
    "noise": _m("other bytes at every look, of one meaning", "noise", rendered=True),
    "ages": _m("relative times in the text", "noise", fits=_marked, noise=sheets.ages),
    "counters": _m("view counters in the text", "noise", fits=_marked, noise=sheets.counters),
    "rotating-promos": _m(
        "an appeal in every post, drawn anew at every look",
        "noise ids",
        fits=_lasting,
        noise=sheets.rotating_promos,
        learning=_LEARNING,
    ),
    "related-boxes": _m(
        "three headlines in every post, drawn anew at every look",
        "noise ids",
        fits=_lasting,
        noise=sheets.related_boxes,
        learning=_LEARNING,
    ),
    "media-tokens": _m(
        "pictures whose addresses change at every look",
        "noise ids",
        fits=_lasting,
        noise=sheets.media_tokens,
        learning=_LEARNING,
    ),
    "live-toll": _m("a figure in one post goes up at most steps, without a stamp", "deeds", deeds={"toll": 12}),
    "adverts": _m("appeals among the posts, without a time", "noise adverts times", fits=_marked, noise=sheets.adverts),
}


def fitting(form: FormatName) -> list[str]:
    """The misbehaviours that a blog in this format can show."""
    return [name for name, kind in MISBEHAVIOURS.items() if kind.fits(FORMATS[form])]


def chosen(seed: int) -> tuple[FormatName, tuple[str, ...]]:
    """A random format and up to four misbehaviours that go together, or none."""
    rng = Random(f"chosen/{seed}")  # noqa: S311 - reproducible on purpose
    form = rng.choice(list(FORMATS))
    names: tuple[str, ...] = ()
    for name in rng.sample([name for name in fitting(form) if name != "none"], rng.randint(0, 4)):
        if not any(MISBEHAVIOURS[name].touches & MISBEHAVIOURS[other].touches for other in names):
            names = (*names, name)
    return form, names or ("none",)


def check(form: FormatName, names: tuple[str, ...]) -> tuple[Misbehaviour, ...]:
    """The misbehaviours of these names.

    Raises:
        ValueError: one is unknown, does not fit the format, or touches what another touches.
    """
    found: list[Misbehaviour] = []
    touched: dict[str, str] = {}
    for name in names:
        if name not in MISBEHAVIOURS:
            raise ValueError(f"there is no misbehaviour {name!r}; known are {', '.join(MISBEHAVIOURS)}")
        kind = MISBEHAVIOURS[name]
        if not kind.fits(FORMATS[form]):
            raise ValueError(f"a blog in the format {form!r} cannot show {name!r}: {', '.join(fitting(form))}")
        for thing in kind.touches:
            if thing in touched:
                raise ValueError(f"{name!r} and {touched[thing]!r} cannot be combined: both touch the {thing}")
            touched[thing] = name
        found.append(kind)
    return tuple(found)

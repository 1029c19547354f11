"""What stands between a blog and its reader: caches with old copies, clocks that are wrong, answers that are none.

A plan says, for one state of the blog, what the looks at it are given: ``None`` the blog as it is now, a number that
many states ago, a string the name of a failure. An old copy and a failure change nothing, whatever their headers say.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from random import Random

STALE_RUN = 2
"""Old copies in a row, at most, where neither headers nor times inside the document tell that they are old."""

LONG_HOLD = 7
"""Looks, at least, at a state that looks as one before it did: so long a reader may take to believe in it."""

DOUBTFUL_HOLD = 14
"""The same where headers lie, or are not there: then they may speak against what is true."""

Serving = int | str | None
Plan = list[Serving]
Planner = Callable[[Plan, Random, int], Plan]
"""``(plan, rng, states)``: ``states`` is how many earlier states there are to serve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What honest headers are made of: now, when the copy was made, since when the page looks like this."""

    now: datetime
    made: datetime
    modified: datetime
    etag: str
    stale: bool
    look: int


Headers = Callable[[Origin], dict[str, str]]


def dated(moment: datetime) -> str:
    return format_datetime(moment.replace(microsecond=0), usegmt=True)


def honest(origin: Origin) -> dict[str, str]:
    headers = {
        "Date": dated(origin.made),
        "ETag": f'"{origin.etag}"',
        "Last-Modified": dated(origin.modified),
        "Cache-Control": "max-age=10, stale-while-revalidate=10, stale-if-error=345600" if origin.stale else "no-cache",
    }
    if origin.stale:
        headers["Age"] = str(int((origin.now - origin.made).total_seconds()))
    return headers


def without_age(origin: Origin) -> dict[str, str]:
    return {name: value for name, value in honest(origin).items() if name != "Age"}


def silent(_: Origin) -> dict[str, str]:
    return {}


def redated(origin: Origin) -> dict[str, str]:
    """A proxy that puts its own Date on everything."""
    return without_age(origin) | {"Date": dated(origin.now)}


def from_2041(origin: Origin) -> dict[str, str]:
    return {"ETag": f'"{origin.etag}"', "Last-Modified": "Tue, 01 Jan 2041 00:00:00 GMT"}


def skewed(origin: Origin) -> dict[str, str]:
    """The node with the old copies is an hour ahead, and says nothing of ages."""
    moved = origin.made + timedelta(hours=1) if origin.stale else origin.made
    return without_age(origin) | {"Date": dated(moved)}


def wandering(origin: Origin) -> dict[str, str]:
    """Three nodes: one in time, one an hour ahead, one an hour behind. All show the blog as it is."""
    offset = timedelta(hours=(0, 1, -1)[origin.look % 3])
    return honest(origin) | {"Date": dated(origin.made + offset)}


def alternating(plan: Plan, rng: Random, states: int) -> Plan:
    """Two nodes in turn, the second up to four states behind: v5, v3, v5, v4."""
    mixed: Plan = []
    for serving in plan:
        mixed.append(serving)
        if states and rng.random() < 0.6:
            mixed.append(rng.randint(1, min(4, states)))
    return mixed


def days_old(plan: Plan, rng: Random, states: int) -> Plan:
    """As caches may answer while the origin fails: now and then any copy since the beginning, several looks long."""
    if not states or rng.random() < 0.6:
        return plan
    at = rng.randint(1, len(plan))
    old = rng.randint(1, states)
    return [*plan[:at], *[old] * rng.randint(1, 4), *plan[at:]]


def bounded(plan: Plan, rng: Random, states: int) -> Plan:
    """Old copies that nothing tells from a return of the editors: short runs, once the state has been seen for long."""
    if not states:
        return plan
    mixed: Plan = [None] * (DOUBTFUL_HOLD if len(plan) >= LONG_HOLD else len(plan) + 2)
    for _ in range(rng.randint(0, 2)):
        mixed += [*[rng.randint(1, min(4, states))] * rng.randint(1, STALE_RUN), None]
    return mixed


def patient(plan: Plan, _: Random, __: int) -> Plan:
    """Each state is looked at for long."""
    return [None] * max(len(plan), DOUBTFUL_HOLD)


def failing(*names: str) -> Planner:
    def plan_failures(plan: Plan, rng: Random, _: int) -> Plan:
        mixed: Plan = []
        for serving in plan:
            mixed.append(serving)
            while rng.random() < 0.2:
                mixed.append(rng.choice(names))
        return mixed

    return plan_failures


Broken = tuple[int, str | None, bytes]
"""Status, another content type (null keeps it), body."""

_CAPTCHA = b"""<!DOCTYPE html>
<html lang="en"><head><title>Just a moment...</title></head><body><main><h1>Are you a robot?</h1>
<p>Please tick the box to go on reading.</p>
<form method="post"><input type="checkbox" name="human"></form></main></body></html>"""
_DOWN = b"<html><head><title>503 Service Unavailable</title></head><body><h1>Service Unavailable</h1></body></html>"


def broken(name: str, body: bytes, borders: Sequence[int], rng: Random) -> Broken:
    """A failure of this name. ``borders`` are where in the body a post begins or ends."""
    match name:
        case "captcha":
            return 200, "text/html; charset=utf-8", _CAPTCHA
        case "down":
            return rng.choice((500, 502, 503)), "text/html", _DOWN
        case "empty":
            return 200, None, b""
        case "cut-anywhere":
            return 200, None, body[: rng.randrange(1, max(2, len(body) * 9 // 10))]
        case "cut-between":
            at = rng.choice(borders) if borders else len(body) // 2
            return 200, None, body[:at]
        case "mistyped":
            return 200, rng.choice(("text/plain", "text/html", "application/octet-stream")), body
    raise ValueError(f"there is no failure {name!r}")

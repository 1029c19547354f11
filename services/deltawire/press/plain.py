"""A blog flattened to plain text, as text archives hold them: times without a date, no borders between entries."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from deltawire.press.noise import Noise
from deltawire.press.shown import Sheet, Shown

LONDON = ZoneInfo("Europe/London")


def clock(moment: datetime) -> str:
    """London wall-clock time in the flattened style: ``4.58pm GMT``."""
    local = moment.astimezone(LONDON)
    return f"{local.hour % 12 or 12}.{local.minute:02}{'am' if local.hour < 12 else 'pm'} {local.tzname()}"


def plain_text(sheet: Sheet, noise: Noise) -> str:
    blog, posts = sheet.blog, sheet.items
    space = "  " if noise.chance(0.5) else " "
    body = space.join(_entry(post) for post in posts)
    related = "\n".join(["Related Articles", *(f"Read more {noise.token()}" for _ in range(noise.number(1, 3)))])
    head = f"{blog.section}\n\n{blog.title}\n\n{blog.standfirst}\n\n{blog.title}"
    return f"{head}\n\n{body}\n\n{related}\n"


def _entry(post: Shown) -> str:
    stamp = f"Updated at {clock(post.updated_at)}" if post.updated_at else None
    start = clock(post.created_at) if post.created_at else None
    return " ".join(filter(None, (start, post.title, post.text, stamp)))

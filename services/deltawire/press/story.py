"""The fictional live blogs of the demo: a day told as a timeline of operations, read from ``stories/*.toml``."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from importlib.resources import files
from typing import Any

from deltawire.press.blog import Add, Blog, Edit, End, Mark, Operation, Restore, Retitle, Withdraw, apply
from deltawire.press.plain import LONDON

STORIES = ("harbour", "cup", "rail")
DAY = date(2026, 1, 22)
"""The invented day. Prose and times of day belong to a winter's day, on which London time is UTC."""


@dataclass(frozen=True, slots=True)
class Story:
    """``blog`` before anything happened, and what happens: offsets are seconds from the start of the play.

    What has an offset below zero is there when the play begins.
    """

    blog: Blog
    begins: datetime
    timeline: tuple[tuple[float, Operation], ...]

    @property
    def length(self) -> float:
        """Seconds from the start to the last operation."""
        return self.timeline[-1][0]

    def happened(self, elapsed: float) -> int:
        """How many operations have happened that many seconds after the start."""
        return sum(offset <= elapsed for offset, _ in self.timeline)

    def after(self, operations: int) -> Blog:
        """The blog after that many operations."""
        blog = self.blog
        for offset, operation in self.timeline[:operations]:
            blog = apply(blog, operation, datetime.fromtimestamp(self.begins.timestamp() + offset, UTC))
        return blog


def load(key: str, day: date = DAY) -> Story:
    """The story of that name (one of ``STORIES``), set on ``day``.

    Raises:
        ValueError: the story contradicts itself (a step out of order, words to be replaced that are not there once).
    """
    text = files("deltawire.press").joinpath("stories", f"{key}.toml").read_text(encoding="utf-8")
    return read(key, tomllib.loads(text.replace("{today}", f"{day:%A} {day.day} {day:%B %Y}")), day)


def read(key: str, plan: dict[str, Any], day: date) -> Story:
    """A story from its parsed TOML. ``at`` is London time; posts go by short names that become 24-digit ids."""
    begins = _moment(day, plan["begins"])
    blog = Blog(modified_at=begins, key=key, **plan["blog"])
    timeline: list[tuple[float, Operation]] = []
    author = ""
    now = blog
    for step in plan["step"]:
        moment = _moment(day, step["at"])
        offset = (moment - begins).total_seconds()
        if timeline and offset <= timeline[-1][0]:
            raise ValueError(f"{key}: the step at {step['at']} does not come after the one before it")
        author = step.get("author", author)
        for operation in _operations(key, step, author, now):
            now = apply(now, operation, moment)
            timeline.append((offset, operation))
    return Story(blog, begins, tuple(timeline))


def _moment(day: date, clock: str) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock), LONDON).astimezone(UTC)


def _operations(key: str, step: dict[str, Any], author: str, now: Blog) -> list[Operation]:
    """The operations of a step. Pinning a post unpins the one that was."""
    if "retitle" in step:
        return [Retitle(title=step["retitle"])]
    if "end" in step:
        return [End(title=step["end"])]
    verb = next(verb for verb in ("add", "edit", "withdraw", "restore", "pin") if verb in step)
    post = _post_id(key, step[verb])
    match verb:
        case "add":
            labels = frozenset(step.get("labels", ()))
            return [Add(post=post, body=_blocks(step["body"]), author=author, title=step.get("title"), labels=labels)]
        case "edit":
            body = _edited(f"{key} at {step['at']}", now.post(post).body, step)
            return [Edit(post=post, body=body, title=step.get("title"))]
        case "withdraw":
            return [Withdraw(post=post)]
        case "restore":
            return [Restore(post=post)]
        case _:
            unpinned = [Mark(post=p.id, labels=p.labels - {"pinned"}) for p in now.posts if "pinned" in p.labels]
            return [*unpinned, Mark(post=post, labels=now.post(post).labels | {"pinned"})]


def _post_id(key: str, name: str) -> str:
    return hashlib.sha256(f"{key}/{name}".encode()).hexdigest()[:24]


def _blocks(text: str) -> tuple[str, ...]:
    """Blocks are apart by empty lines: HTML as it is, a quotation after ``>``, everything else a paragraph."""
    return tuple(map(_block, re.split(r"\n\s*\n", text.strip())))


def _block(text: str) -> str:
    if text.startswith(("<ul>", "<figure>")):
        return text
    return f"<blockquote><p>{text[1:].strip()}</p></blockquote>" if text.startswith(">") else f"<p>{text}</p>"


def _edited(where: str, body: Sequence[str], step: dict[str, Any]) -> tuple[str, ...]:
    """The body with ``swap`` pairs replaced, and ``append`` added at its end."""
    blocks = list(body)
    for old, new in step.get("swap", ()):
        holders = [at for at, block in enumerate(blocks) if old in block]
        if len(holders) != 1 or blocks[holders[0]].count(old) != 1:
            raise ValueError(f"{where}: {old!r} does not stand there exactly once")
        blocks[holders[0]] = blocks[holders[0]].replace(old, new)
    return (*blocks, *_blocks(step["append"])) if "append" in step else tuple(blocks)

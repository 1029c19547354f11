"""Live blogs flattened to plain text, as archives and text extractors leave them.

An entry is "4.58pm GMT" (or "2025-11-25 16:58 UTC"), its text, and perhaps "Updated at 5.03pm GMT". There are no ids,
and a headline cannot be told from the sentence after it, so the title is null. Coverage is ``window``: nothing says
that the text is the whole blog.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar

from deltawire.formats import text as texts
from deltawire.formats.assemble import located, reading
from deltawire.formats.base import Raw, Unreadable
from deltawire.formats.content import from_text
from deltawire.formats.plaintext_days import date_entries, stamp_instant
from deltawire.formats.plaintext_marks import Chain, Mark, best_chain, find_marks, usual_zone
from deltawire.formats.plaintext_unread import names_unknown_zone, unread_clocks
from deltawire.formats.plaintext_zones import zone_problems
from deltawire.formats.times import country_of, zone_named
from deltawire.model import Entry, FeedMeta, Problem, Reading

_STAMP_LEAD = re.compile(r"(?:last )?updated(?: at)?:?\s*\Z", re.IGNORECASE)
_TRAILER = re.compile(
    r"^[ \t]*(?:related (?:articles?|stories|content|topics|links)|more on this story|explore more on these topics"
    r"|topics|most (?:viewed|read|popular)|reuse this content|share(?: this)?|comments)[ \t]*:?[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
_LIVE = re.compile(r"\blive\b|as it happened", re.IGNORECASE)
_MIN_SCORE = 8.0
_SNIFFED = 200_000


class PlainText:
    name: ClassVar[str] = "plain-text"
    version: ClassVar[int] = 6

    def claims(self, raw: Raw) -> bool:
        head = _even(texts.decode(raw.body[:_SNIFFED], raw.content_type)[0]).lstrip()
        if head[:1] in ("<", "{", "["):
            return False
        # A text that only looks like a blog is claimed too: the refusal then says what is not understood.
        return unread_clocks(head).like_a_blog or _is_blog(best_chain(find_marks(head)), head)

    def read(self, raw: Raw) -> Reading:
        text, wrong_bytes = texts.decode(raw.body, raw.content_type)
        problems = [Problem(code="bad-bytes", message=wrong_bytes)] if wrong_bytes else []
        text = _even(text)
        if text.lstrip()[:1] == "<":
            raise Unreadable("not-a-live-blog", "the document is markup, no plain text")
        marks = find_marks(text, country_of(raw.url))
        chain = best_chain(marks)
        if not _is_blog(chain, text):
            raise Unreadable("not-a-live-blog", _refusal(text, len(marks)))
        header, segments, trailer = _cut(text, chain)
        title, rest = _title(header)
        for name, outside in (("above", rest), ("below", trailer)):
            if outside:
                words = len(outside.split())
                problems.append(
                    Problem(
                        code="outside-entries",
                        message=f"{words} words {name} the entries belong to none",
                        where=outside[:60],
                    )
                )
        stamps = {mark.end: mark for mark in marks if mark.stamp}
        parts = [_without_stamp(segment, start, stamps) for segment, start in zip(segments, chain.starts, strict=True)]
        problems += zone_problems(chain, marks, text)
        entries, zone = _entries(chain, parts, header, raw, problems)
        return reading(
            format=self.name,
            version=self.version,
            feed=FeedMeta(title=title, order=chain.direction, time_zone=zone),
            coverage="window",
            entries=entries,
            problems=problems,
        )


def _even(text: str) -> str:
    """The text without what white space tells nobody: how lines end, and how many spaces there are."""
    return "\n".join(map(texts.collapse, texts.clean(text).splitlines()))


def _entries(
    chain: Chain, parts: Sequence[tuple[str, Mark | None]], header: str, raw: Raw, problems: list[Problem]
) -> tuple[list[Entry], str | None]:
    """The entries in document order, and the region whose clocks their times were taken from; null for an offset."""
    usual = usual_zone(chain.starts)
    step = 1 if chain.direction == "newest-first" else -1
    dated = date_entries(chain.starts[::step], [body for body, _ in parts][::step], header, usual, raw.fetched_at)
    problems += dated.problems
    entries = []
    times = zip(dated.instants[::step], dated.precisions[::step], strict=True)
    for start, (body, stamp), (at, precision) in zip(chain.starts, parts, times, strict=True):
        content = from_text(body)
        problems += located(content.problems, f"the entry at character {start.start}")
        entries.append(
            Entry(
                content_html=content.html,
                content_text=content.text,
                published_at=at,
                published_precision=precision,
                updated_at=stamp_instant(stamp, at, usual) if stamp and at else None,
            )
        )
    zone = zone_named(usual or "UTC")
    return entries, None if zone.region == "UTC" and zone.offset else zone.region


def _refusal(text: str, times: int) -> str:
    wanted = "entries begin with a time such as '4.58pm GMT' or '2025-11-25 16:58 UTC'"
    seen = unread_clocks(text)
    if not seen.like_a_blog:
        return f"the text has no entries that begin with a time ({times} times stand in it); {wanted}"
    return (
        f"the text looks like a live blog, but its {seen.number} clock times such as {seen.example!r} have no form or "
        f"no zone that is known, or no entry's text after them; {wanted}"
    )


def _is_blog(chain: Chain, text: str) -> bool:
    """One entry is enough if its context is beyond doubt: a line of its own or the start of one, and a zone."""
    if names_unknown_zone(chain, text):
        return False
    labelled = sum(1 for mark in chain.starts if mark.zone)
    needed = 1 if labelled == len(chain.starts) else 3
    strong = sum(1 for mark in chain.starts if mark.score >= 6)
    return len(chain.starts) >= needed and chain.score >= (_MIN_SCORE if len(chain.starts) > 1 else 7) and strong > 0


def _cut(text: str, chain: Chain) -> tuple[str, list[str], str]:
    """The text above the entries, each entry's text without its opening time, and the text below the last."""
    ends = [mark.start for mark in chain.starts[1:]] + [len(text)]
    segments = [text[mark.end : end] for mark, end in zip(chain.starts, ends, strict=True)]
    last = segments[-1]
    # Where no other entry has a blank line inside, one ends the last entry; else only a known heading does.
    compact = len(segments) > 2 and not any("\n\n" in segment.strip() for segment in segments[:-1])
    edge = last.find("\n\n", len(last) - len(last.lstrip())) if compact else -1
    heading = _TRAILER.search(last)
    cuts = [position for position in (edge, heading.start() if heading else -1) if position >= 0]
    cut = min(cuts, default=len(last))
    segments[-1] = last[:cut]
    return text[: chain.starts[0].start].strip(), segments, last[cut:].strip()


def _without_stamp(segment: str, start: Mark, stamps: Mapping[int, Mark]) -> tuple[str, Mark | None]:
    """An entry's text without the "Updated at" stamp that ends it, and the stamp's time, if it has one."""
    stamp = stamps.get(start.end + len(segment.rstrip()))
    if stamp is None or stamp.start <= start.start:
        return segment, None
    return _STAMP_LEAD.sub("", segment[: stamp.start - start.end]), stamp


def _title(header: str) -> tuple[str | None, str]:
    """The blog's title among the lines above the entries, and the other lines."""
    lines = [line for part in header.splitlines() if (line := texts.collapse(part))]
    if not lines:
        return None, ""
    repeated = next((line for line in lines if lines.count(line) > 1), None)
    live = next((line for line in lines if _LIVE.search(line)), None)
    title = repeated or live or max(lines, key=len)
    return title[:500], "\n".join(line for line in lines if line != title)

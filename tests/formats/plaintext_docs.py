"""A flattened live blog, and short ways to write and read others."""

from __future__ import annotations

from datetime import datetime

from formats.docs import read_doc

OPENING = "Good morning. It’s Tuesday, 4 March 2025, and this is Harbour Live."


def flat(*entries: str, header: str = "Harbour storm – live", joiner: str = " ") -> str:
    return f"{header}\n\n{joiner.join(entries)}\n"


def times(text: str, fetched_at: datetime | None = None) -> list[str | None]:
    """The times of the entries, newest first, as day of the month and clock in UTC."""
    entries = read_doc(text, fetched_at=fetched_at).entries
    return [entry.published_at.strftime("%d %H:%M") if entry.published_at else None for entry in entries]


def bodies(text: str) -> list[str]:
    return [entry.content_text for entry in read_doc(text).entries]


DAY = flat(
    "1.05pm GMT The ferry is back. Updated at 1.10pm GMT",
    "12.13pm GMT 'All clear' says harbour master The wind dropped.",
    "11.55am GMT Gusts again (see 10.20am GMT). Crews wait until 2pm.",
    "10.20am GMT Sailings off Related: How a storm forms",
    f"9.00am GMT {OPENING}",
)
ELECTION = "It is Tuesday, 4 November 2025."


def three(clocks: tuple[str, str, str]) -> str:
    return flat(f"{clocks[0]}\nOne.", f"{clocks[1]}\nTwo.", f"{clocks[2]}\n{ELECTION}", joiner="\n\n")

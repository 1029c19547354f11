"""Where the keys of a TOML text stand, which the standard parser does not tell."""

from __future__ import annotations

import re

Path = tuple[str | int, ...]

_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")


def key_lines(text: str) -> dict[Path, int]:
    """The line, counted from 1, of every table and of every key that begins a line.

    A key inside an inline table or a string over several lines has none of its own: its parent's line serves.
    """
    lines: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    quoted: str | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        opened = quoted is None
        for mark in re.findall(r'"""|\'\'\'', line):
            if quoted is None:
                quoted = mark
            elif quoted == mark:
                quoted = None
        if not opened:
            continue
        if header := _HEADER.match(line):
            table = _parts(header[2])
            if header[1] == "[[":
                index = counts.get(table, 0)
                counts[table] = index + 1
                lines.setdefault(table, number)
                table = (*table, index)
            lines[table] = number
        elif key := _KEY.match(line):
            lines[(*table, *_parts(key[1]))] = number
    return lines


def _parts(dotted: str) -> Path:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))

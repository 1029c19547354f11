"""Word-level diffs."""

from __future__ import annotations

import re

from rapidfuzz.distance import LCSseq, Postfix, Prefix

from deltawire.events import DiffOp

_TOKEN = re.compile(r"\w+(?:[.,]\d+)*|\s+|[^\w\s]")
_GAP = re.compile(r"(?<=\S)\s")
_TO_LAST_GAP = re.compile(r".*(?<=\S)(?=\s)", re.DOTALL)
_NEAR = 1000
"""Signs before a change in which a gap between words is looked for."""

MATRIX_LIMIT = 64_000_000
"""Tokens of one side times tokens of the other, beyond which the changed middle is one replacement.

The alignment costs a bit a cell, so this bounds it to 8 MB and a few tenths of a second.
"""


def tokens(text: str) -> list[str]:
    """Words (figures with their separators are one), runs of white space, and punctuation marks."""
    return _TOKEN.findall(text)


def diff(old: str, new: str, cells: int = MATRIX_LIMIT) -> tuple[DiffOp, ...]:
    """The word diff of two texts: ``=`` and ``-`` joined give the old text, ``=`` and ``+`` the new.

    ``cells`` bounds the alignment: tokens of one side times tokens of the other.
    """
    start, end = same_ends(old, new)
    before, after = old[:start], old[len(old) - end :]
    a, b = tokens(old[start : len(old) - end]), tokens(new[start : len(new) - end])
    head = _common(a, b)
    tail = _common(a[head:][::-1], b[head:][::-1])
    middle_a, middle_b = a[head : len(a) - tail], b[head : len(b) - tail]
    ops: list[tuple[str, list[str], list[str]]] = [("=", [before, *a[:head]], [before, *a[:head]])]
    if len(middle_a) * len(middle_b) > cells:
        ops.append(("x", middle_a, middle_b))
    else:
        for op in LCSseq.opcodes(middle_a, middle_b):
            kind = "=" if op.tag == "equal" else "x"
            ops.append((kind, middle_a[op.src_start : op.src_end], middle_b[op.dest_start : op.dest_end]))
    ops.append(("=", [*a[len(a) - tail :], after], [*a[len(a) - tail :], after]))
    return _merged(ops)


def same_ends(old: str, new: str) -> tuple[int, int]:
    """How much of the start and of the end of two texts is the same and need not be taken apart.

    Both are cut before white space that follows something else, where a token ends whatever comes next.
    """
    start = Prefix.similarity(old, new)
    end = min(Postfix.similarity(old, new), len(old) - start, len(new) - start)
    gap = _TO_LAST_GAP.match(old, max(0, start - _NEAR), start)
    first = _GAP.search(old, len(old) - end + 1)
    return gap.end() if gap else 0, len(old) - first.start() if first else 0


def _common(a: list[str], b: list[str]) -> int:
    count = 0
    for x, y in zip(a, b, strict=False):
        if x != y:
            break
        count += 1
    return count


def _merged(ops: list[tuple[str, list[str], list[str]]]) -> tuple[DiffOp, ...]:
    """Join what belongs together: a lone blank between two changes is part of one change, for a person."""
    out: list[DiffOp] = []
    deleted, inserted = "", ""
    filled = [op for op in ops if any(op[1]) or any(op[2])]
    for index, (kind, old, new) in enumerate(filled):
        between = 0 < index < len(filled) - 1
        if kind == "=" and not (between and "".join(old).isspace() and (deleted or inserted)):
            out += _change(deleted, inserted)
            deleted, inserted = "", ""
            out.append(("=", "".join(old)))
        else:
            deleted += "".join(old)
            inserted += "".join(new)
    out += _change(deleted, inserted)
    return tuple(_joined(out))


def _change(deleted: str, inserted: str) -> list[DiffOp]:
    ops: list[DiffOp] = []
    if deleted:
        ops.append(("-", deleted))
    if inserted:
        ops.append(("+", inserted))
    return ops


def _joined(ops: list[DiffOp]) -> list[DiffOp]:
    out: list[DiffOp] = []
    for op, text in ops:
        if out and out[-1][0] == op:
            out[-1] = (op, out[-1][1] + text)
        else:
            out.append((op, text))
    return out

"""Who belongs to whom, decided over all of them at once: an assignment of the greatest total gain.

The pairs that are plausible at all fall into connected components, mostly tiny; each is solved exactly (Jonker and
Volgenant's shortest augmenting paths, https://doi.org/10.1007/BF02278710) while it is small enough, and else greedily.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TypeVar

Row = TypeVar("Row", bound=Hashable)
Column = TypeVar("Column", bound=Hashable)

STEPS_LIMIT = 16_000_000
"""Elementary steps at most for one call: rows times rows times columns of every component that is solved exactly.

A component of 200 by 200 uses it up (two seconds at worst); those beyond it are matched by greatest gain first.
"""


def assign(gains: Mapping[tuple[Row, Column], float]) -> tuple[dict[Row, Column], int]:
    """The pairs of the assignment with the greatest total gain, and the steps spent on it.

    ``gains`` holds the plausible pairs, each with what it is worth (above 0). Who is in no pair stays alone. Where
    several assignments are worth the same, the order of ``gains`` decides.
    """
    chosen: dict[Row, Column] = {}
    steps = 0
    for rows, columns in sorted(_components(gains), key=lambda c: len(c[0]) * len(c[1])):
        if len(rows) == len(columns) == 1:
            chosen[rows[0]] = columns[0]
            continue
        cost = len(rows) ** 2 * (len(rows) + len(columns))
        if steps + cost <= STEPS_LIMIT:
            steps += cost
            matrix = [[gains.get((row, column), 0.0) for column in columns] for row in rows]
            chosen |= {rows[i]: columns[j] for i, j in _solve(matrix) if matrix[i][j] > 0}
        else:
            chosen |= _greedy(gains, set(rows))
    return chosen, steps


def _components(gains: Mapping[tuple[Row, Column], float]) -> list[tuple[list[Row], list[Column]]]:
    by_row: dict[Row, list[Column]] = {}
    by_column: dict[Column, list[Row]] = {}
    for row, column in gains:
        by_row.setdefault(row, []).append(column)
        by_column.setdefault(column, []).append(row)
    found: list[tuple[list[Row], list[Column]]] = []
    seen: set[Row] = set()
    for first in by_row:
        if first in seen:
            continue
        seen.add(first)
        rows, columns = [first], dict.fromkeys(by_row[first])
        waiting = list(columns)
        while waiting:
            for row in by_column[waiting.pop()]:
                if row not in seen:
                    seen.add(row)
                    rows.append(row)
                    fresh = [column for column in by_row[row] if column not in columns]
                    columns.update(dict.fromkeys(fresh))
                    waiting += fresh
        found.append((rows, list(columns)))
    return found


def _greedy(gains: Mapping[tuple[Row, Column], float], rows: set[Row]) -> dict[Row, Column]:
    chosen: dict[Row, Column] = {}
    taken: set[Column] = set()
    ranked = sorted(((gain, row, column) for (row, column), gain in gains.items() if row in rows), key=lambda g: -g[0])
    for _, row, column in ranked:
        if row not in chosen and column not in taken:
            chosen[row] = column
            taken.add(column)
    return chosen


def _solve(gains: list[list[float]]) -> list[tuple[int, int]]:
    """(row, column) of every row that is given a column. Each row may also stay alone, in a column of its own.

    ``u`` and ``v`` are the dual prices of rows and columns: no gain exceeds ``u[i] + v[j]`` (here with its sign
    turned: the costs minimised are the gains' negatives), and it equals it on every pair chosen.
    """
    rows, real = len(gains), len(gains[0])
    columns = real + rows
    costs = [[-gain for gain in line] + [0.0] * rows for line in gains]
    u, v = [0.0] * rows, [0.0] * columns
    owner = [-1] * columns
    for free in range(rows):
        distance = [float("inf")] * columns
        before = [-1] * columns
        todo = set(range(columns))
        row, column, length = free, -1, 0.0
        while True:
            line, price = costs[row], u[row]
            best, nearest = float("inf"), -1
            for j in todo:
                through = length + line[j] - price - v[j]
                if through < distance[j]:
                    distance[j] = through
                    before[j] = column
                if distance[j] < best or (distance[j] == best and j < nearest):
                    best, nearest = distance[j], j
            column, length = nearest, best
            todo.discard(column)
            if owner[column] < 0:
                break
            row = owner[column]
        u[free] += length
        for j in set(range(columns)) - todo - {column}:
            u[owner[j]] += length - distance[j]
            v[j] -= length - distance[j]
        while column >= 0:
            previous = before[column]
            owner[column] = free if previous < 0 else owner[previous]
            column = previous
    return [(row, column) for column, row in enumerate(owner[:real]) if row >= 0]

"""Plays candidates against the press: ``make press``, or ``PYTHONPATH=tests python -m press.harness --help``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from deltawire.press.game import Game
from deltawire.press.misbehave import MISBEHAVIOURS, check, chosen, fitting
from deltawire.press.render import FORMATS, FormatName
from deltawire.press.score import Candidate, Said, Score, play, score
from press.candidates import Deltawire, Usual

CANDIDATES: dict[str, Callable[[], Candidate]] = {"deltawire": Deltawire, "usual": Usual}
STEPS = 40


@dataclass(frozen=True, slots=True)
class Case:
    """One blog: everything that determines it."""

    form: FormatName
    names: tuple[str, ...]
    seed: int
    steps: int = STEPS

    def game(self) -> Game:
        return Game(self.seed, self.form, self.names, steps=self.steps)

    def __str__(self) -> str:
        steps = f" STEPS={self.steps}" if self.steps != STEPS else ""
        return f"make press FORMAT={self.form} MISBEHAVIOUR={'+'.join(self.names)} SEED={self.seed}{steps}"


def cases(forms: Iterable[FormatName], wanted: tuple[str, ...], seeds: Iterable[int], steps: int) -> list[Case]:
    """Every format with every misbehaviour that it can show, or with exactly the wanted ones, where they fit."""
    found: list[Case] = []
    for form in forms:
        if wanted:
            try:
                check(form, wanted)
            except ValueError:
                continue
        sets = [wanted] if wanted else [(name,) for name in fitting(form)]
        found += [Case(form, names, seed, steps) for names in sets for seed in seeds]
    return found


def first_difference(case: Case, name: str) -> str:
    """The first defects of a candidate in one blog, with what was served and done around the first of them."""
    game, candidate = case.game(), CANDIDATES[name]()
    served: list[tuple[int, str]] = []
    said: list[tuple[int, Said]] = []
    for answer in game:
        look, deed = answer.look, game.deeds[-1] if game.deeds else "opening"
        served.append((look, f"    look {look} ({deed}): {answer.kind} {answer.what}".rstrip()))
        for event in candidate.look(answer):
            said.append((look, event))
            served.append((look, f"      {name}: {event.kind} {event.entry[:8]} {event.title!r} {event.text[:50]!r}"))
    result = score(game.facts, said, game.current, learning=game.learning)
    if result.ok:
        return f"{case}\n  no difference: {result.right.total()} events"
    at = result.defects[0][0]
    near = [line for look, line in served if look == 1 or at - 4 <= look <= at + 2][:40]
    return "\n".join([str(case), *(f"  look {look}: {text}" for look, text in result.defects[:6]), *near])


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="make press", description=__doc__)
    parser.add_argument("--format", choices=list(FORMATS), help="only this one")
    parser.add_argument("--misbehaviour", help="only this one; several at once joined by +")
    parser.add_argument("--seed", type=int, help="only this one, with its first differences")
    parser.add_argument("--seeds", type=int, default=2, help="that many for each format and misbehaviour")
    parser.add_argument("--first", type=int, default=1, help="the first of them")
    parser.add_argument("--blogs", type=int, help="that many of random formats and combinations instead, by seed")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--against", choices=[*CANDIDATES, "both"], default="both")
    options = parser.parse_args(argv)
    forms: list[FormatName] = [options.format] if options.format else list(FORMATS)
    wanted = tuple(options.misbehaviour.split("+")) if options.misbehaviour else ()
    seeds = [options.seed] if options.seed is not None else range(options.first, options.first + options.seeds)
    try:
        for form in forms if len(forms) == 1 and wanted else ():
            check(form, wanted)
    except ValueError as error:
        parser.error(str(error))
    played = cases(forms, wanted, seeds, options.steps)
    if options.blogs is not None:
        numbers = range(options.first, options.first + options.blogs)
        played = [Case(*chosen(number), number, options.steps) for number in numbers]
    names = list(CANDIDATES) if options.against == "both" else [options.against]
    table: dict[tuple[str, str, str], Score] = {}
    failing: list[Case] = []
    for case in played:
        for name in names:
            result = play(case.game(), CANDIDATES[name]())
            table.setdefault((name, case.form, "+".join(case.names)), Score()).add(result)
            if name == names[0] and not result.ok:
                failing.append(case)
    if options.blogs is None:
        _print(names, forms, table)
    else:
        _print_random(names, table)
    out = sys.stdout.write
    for case in failing[: 3 if options.seed is None else 1]:
        out(f"\n{first_difference(case, names[0])}\n")
    if len(failing) > 3:
        out("\n" + "\n".join(str(case) for case in failing[3:]) + "\n")
    out(f"\n{len(played)} blogs, {len(failing)} of them not told exactly by {names[0]}\n")
    return 1 if failing else 0


def _print(names: list[str], forms: list[FormatName], table: dict[tuple[str, str, str], Score]) -> None:
    kinds = list(dict.fromkeys(kind for _, _, kind in table))
    for name in names:
        sys.stdout.write(f"\n{name:<22}" + "".join(f"{form:>10}" for form in forms) + "       all\n")
        total = Score()
        for kind in kinds:
            row = Score()
            cells = ""
            for form in forms:
                cell = table.get((name, form, kind))
                if cell is not None:
                    row.add(cell)
                cells += f"{'-' if cell is None else _figure(cell):>10}"
            total.add(row)
            sys.stdout.write(f"{kind:<22}{cells}{_figure(row):>10}\n")
        sys.stdout.write(_total(total))


def _print_random(names: list[str], table: dict[tuple[str, str, str], Score]) -> None:
    """By misbehaviour, whatever it was combined with."""
    for name in names:
        rows: dict[str, Score] = {kind: Score() for kind in MISBEHAVIOURS}
        total = Score()
        for (who, _, kinds), cell in table.items():
            if who == name:
                total.add(cell)
                for kind in kinds.split("+"):
                    rows[kind].add(cell)
        sys.stdout.write(f"\n{name}, each misbehaviour with whatever it was combined\n")
        sys.stdout.writelines(f"{kind:<22}{_figure(row):>10}\n" for kind, row in rows.items() if row.expected)
        sys.stdout.write(_total(total))


def _total(total: Score) -> str:
    return (
        f"precision {total.precision:.4f}, recall {total.recall:.4f}, F1 {total.f1:.4f}"
        f" of {total.expected.total()} facts\n"
    )


def _figure(score: Score) -> str:
    """F1 rounded down, so that 1.000 is never almost; a mark where every event is right and something else is not."""
    return f"{int(score.f1 * 1000) / 1000:.3f}" + ("" if score.ok or score.f1 < 1 else "!")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

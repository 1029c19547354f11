"""The judge is judged: it finds every mutant of real histories, and nothing in the histories themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest
import pytest_asyncio

from chaos.checker import check
from chaos.history import History
from chaos.mutants import EXPECTED
from chaos.runs import flaky_run
from chaos.spoiler import Spoiler
from deltawire.differ import service
from deltawire.log import workers

SEEDS = range(2)
MUTANTS = 200


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def dumps(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[list[bytes]]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(workers, "FIRST_PAUSE", 0.001)
        patched.setattr(workers, "LONGEST_PAUSE", 0.01)
        patched.setattr(service, "BATCH", 7)
        yield [(await flaky_run(tmp_path_factory.mktemp("run"), seed)).dump() for seed in SEEDS]


def test_real_histories_have_no_defect(dumps: list[bytes]) -> None:
    for seed, dump in zip(SEEDS, dumps, strict=True):
        history = History.parse(dump)
        assert check(history) == [], f"seed {seed}"
        assert {write.outcome for write in history.writes} >= {"ok", "unknown"}
        assert len(history.facts) > 100
        assert len(history.reads) == 3 * len({(read.partition, read.offset) for read in history.reads})


def missed_mutants(dumps: list[bytes], seeds: range) -> list[str]:
    """The mutants that the checker takes for something else, or for good."""
    ways = list(EXPECTED)
    missed: list[str] = []
    for seed in seeds:
        way = ways[seed % len(ways)]
        spoiler = Spoiler(dumps[seed % len(dumps)], Random(seed))
        way(spoiler)
        kinds = {defect.kind for defect in check(spoiler.history)}
        if not kinds or EXPECTED[way] not in {"", *kinds}:
            missed.append(f"mutant {seed} {way.__name__}: wanted {EXPECTED[way]}, found {sorted(kinds)}")
    return missed


def test_every_mutant_is_flagged_and_called_what_it_is(dumps: list[bytes]) -> None:
    assert missed_mutants(dumps, range(MUTANTS)) == []


@pytest.mark.chaos
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(100, 120))
async def test_the_judge_of_many_runs(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(workers, "LONGEST_PAUSE", 0.01)
    monkeypatch.setattr(service, "BATCH", seed % 20 + 1)
    dump = (await flaky_run(tmp_path, seed)).dump()
    assert check(History.parse(dump)) == []
    assert missed_mutants([dump], range(seed * 1000, seed * 1000 + MUTANTS)) == []


def test_a_history_in_a_file_is_the_same_history(dumps: list[bytes], tmp_path: Path) -> None:
    History.parse(dumps[0]).write(tmp_path / "history.jsonl")
    assert (tmp_path / "history.jsonl").read_bytes() == dumps[0]

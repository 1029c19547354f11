"""``deltawire run`` as a process on thousands of feeds, and on hostile ones: the scripts of bench/, which check every
event against what was served, that no feed is forgotten, and that memory stays flat. They judge no timings.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parent.parent.parent / "bench"

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1800)]


def run(tmp_path: Path, script: str, *options: str) -> None:
    done = subprocess.run([sys.executable, BENCH / script, *options], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_thousands_of_feeds_are_looked_at_and_every_event_is_right(tmp_path: Path) -> None:
    run(tmp_path, "ten_thousand.py", "--feeds", "2000", "--seconds", "120", "--every", "120")


def test_healthy_feeds_go_on_beside_bombs_and_answers_that_never_end(tmp_path: Path) -> None:
    run(tmp_path, "hostile_neighbours.py", "--feeds", "200", "--rounds", "2")


def test_healthy_feeds_go_on_beside_bombs_that_are_others_at_each_look(tmp_path: Path) -> None:
    run(tmp_path, "hostile_neighbours.py", "--feeds", "200", "--rounds", "2", "--restless")

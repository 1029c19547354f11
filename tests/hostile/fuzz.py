"""Damaged documents through every reader: ``make fuzz``, or ``python -m hostile.fuzz --minutes 30 --seed 1``.

A case is a number: the same number damages the same fixture in the same way, with the same corpus at hand. What is
wrong with a reader is an exception that is none of its own, more than ten seconds of CPU time, and a reading that
cannot be written to the log and read back.
"""

from __future__ import annotations

import argparse
import itertools
import random
import signal
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from types import FrameType

import msgspec

from deltawire.formats.base import Format, LenientFormat, NeedsLenient, Raw, Unreadable
from deltawire.formats.registry import FORMATS, detect
from deltawire.model import Reading
from formats.test_robustness import DOCUMENTS

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
LARGEST = 256 * 1024
LONGEST = 10.0
TOKENS = (
    *(b"<", b">", b"&", b"'", b'"', b"\0", b"\xff", b"\\", b"]]>", b"<![CDATA[", b"<!--", b"-->", b"</", b"/>"),
    *(b"&#x0;", b"&#xD800;", b"&nbsp;", b"&x;", b"{", b"}", b"[", b"]", b":", b",", b"null", b"true", b"1e999", b"-0"),
    *(b"\\ud800", b"\\u0000", b"<!DOCTYPE x [", b"<!ENTITY a 'b'>", b"<?xml version='1.0' encoding='utf-7'?>"),
    *(
        b"<?xml version='1.0' encoding='utf-16'?>",
        b"<meta charset=gb18030>",
        b"<meta charset=utf-32>",
        b"\xff\xfe",
        b"<\0?\0",
    ),
    *(b"xmlns:a='b' ", b"<a:b>", b"<item>", b"</item>", b"<entry>", b"</channel>", b"<script>", b"</script>", b"<p>"),
    *(
        b"</div>",
        b"12.30pm GMT",
        b"Updated at",
        b"http://[",
        b"//",
        b"#",
        b"\xe2\x80",
        b"\xef\xbb\xbf",
        b"\xed\xa0\x80",
    ),
    *(b"\xc2\x85", b"\xf0\x9f\x98", b"\r", b"\n", b"\t", b"9" * 400, b"-1", b"0000-00-00T00:00:00Z"),
    *(b"9999-12-31T23:59:59+23:59", b"Mon, 31 Feb 2025 25:61:61 +9999"),
)


class Hang(BaseException):
    """Not an Exception: nothing on the way may take it for one of its own."""


class Case(msgspec.Struct, frozen=True):
    number: int
    fixture: str
    format: str
    body: bytes


@cache
def fixtures() -> dict[str, bytes]:
    found = {f"our {name}": body for name, body in DOCUMENTS.items()}
    if CORPUS.is_dir():
        files = sorted(path for path in CORPUS.rglob("*") if path.is_file() and path.stat().st_size <= LARGEST)
        found |= {str(path.relative_to(CORPUS)): path.read_bytes() for path in files if path.suffix != ".md"}
    return found


def case(number: int, *, own: bool = False) -> Case:
    """The case of that number; ``own`` leaves the corpus out."""
    chance = random.Random(number)
    names = [name for name in fixtures() if name.startswith("our ") or not own]
    name = chance.choice(names)
    body = bytearray(fixtures()[name])
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        _damage(body, chance, fixtures()[chance.choice(names)])
    return Case(
        number, name, "auto" if chance.random() < 0.8 else chance.choice(list(FORMATS)), bytes(body[: 2 * LARGEST])
    )


def _damage(body: bytearray, chance: random.Random, other: bytes) -> None:
    at = chance.randrange(len(body) + 1)
    end = min(len(body), at + int(chance.expovariate(1 / 60)) + 1)
    match chance.randrange(9):
        case 0:
            body[at : at + 1] = bytes([chance.randrange(256)])
        case 1:
            body[at:at] = chance.choice(TOKENS)
        case 2:
            body[at:end] = chance.choice(TOKENS)
        case 3:
            del body[at:end]
        case 4:
            body[at:at] = body[at:end] * chance.choice((1, 2, 50))
        case 5:
            start = chance.randrange(len(other) + 1)
            body[at:end] = other[start : start + int(chance.expovariate(1 / 200))]
        case 6:
            body[at:at] = chance.choice(TOKENS) * chance.choice((2, 100, 1000))
        case 7:
            there = chance.randrange(len(body) + 1)
            body[there:there] = body[at:end]
            del body[at:end]
        case _ if chance.random() < 0.2:
            del body[at:]


def attempt(case: Case) -> str:
    """Read it as the poller does, but without the nets that turn a reader's own failure into a refusal."""
    raw = Raw(body=case.body, url="https://x.example/live/")
    try:
        adapter = detect(raw) if case.format == "auto" else FORMATS[case.format]
        reading = _read(adapter, raw)
    except Unreadable as refusal:
        return refusal.code
    assert msgspec.json.decode(msgspec.json.encode(reading), type=Reading) == reading
    assert "\0" not in msgspec.json.encode(reading).decode()
    return "read"


def _read(adapter: Format, raw: Raw) -> Reading:
    try:
        return adapter.read(raw)
    except NeedsLenient:
        assert isinstance(adapter, LenientFormat)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return adapter.read_leniently(raw)


def fuzz(cases: Iterable[Case]) -> Iterator[tuple[Case, str, str | None]]:
    """Each case with its outcome, and the frames of what went wrong."""

    def hang(number: int, frame: FrameType | None) -> None:
        raise Hang

    before = signal.signal(signal.SIGVTALRM, hang)
    try:
        for case in cases:
            signal.setitimer(signal.ITIMER_VIRTUAL, LONGEST)
            try:
                yield case, attempt(case), None
            except (Exception, Hang) as error:
                yield case, type(error).__name__, traceback.format_exc()
            finally:
                signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    finally:
        signal.signal(signal.SIGVTALRM, before)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    first = options.seed * 10_000_000
    until = time.monotonic() + options.minutes * 60
    numbers = itertools.takewhile(lambda _: time.monotonic() < until, range(first, first + options.cases))
    outcomes: Counter[str] = Counter()
    wrong: dict[str, int] = {}
    for found, outcome, frames in fuzz(map(case, numbers)):
        outcomes[outcome] += 1
        if frames is not None and frames not in wrong:
            wrong[frames] = found.number
            print(f"case {found.number}, {found.fixture} as {found.format}:\n{frames}", file=sys.stderr)
        if outcomes.total() % 10_000 == 0:
            print(f"{outcomes.total()} cases, {len(wrong)} wrong", flush=True)
    print(f"{outcomes.total()} cases from {first}: {dict(outcomes.most_common())}")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()

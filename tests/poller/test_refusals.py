"""When a document of a feed that was refused is read again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from deltawire.formats.base import Unreadable
from deltawire.poller import refusals
from deltawire.poller.refusals import Refused

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MALFORMED = Unreadable("malformed", "the document ends within an element")
COSTLY = [
    Unreadable("too-expensive", "reading the document took more than 5 s of CPU time"),
    Unreadable("reader-crashed", "the process that read the document ended with signal SIGKILL"),
]


MARK = ("digest", "https://x.example/", "text/xml", "auto:1")


def seconds(number: float) -> datetime:
    return NOW + timedelta(seconds=number)


def in_a_row(refusal: Unreadable, times: int) -> Refused:
    refused = refusals.after(None, refusal, MARK, NOW)
    for _ in range(times - 1):
        refused = refusals.after(refused, refusal, MARK, NOW)
    return refused


def pause(refused: Refused) -> float:
    return (refused.until - NOW).total_seconds()


def test_a_document_that_was_never_refused_is_read() -> None:
    assert refusals.standing(None, MARK, NOW) is None


def test_a_document_that_stands_is_refused_for_the_same_reason_however_long() -> None:
    refused = in_a_row(MALFORMED, 1)
    later = refusals.standing(refused, MARK, NOW + timedelta(days=9))
    assert later is not None
    assert (later.code, str(later)) == (MALFORMED.code, str(MALFORMED))


def test_another_document_or_another_account_of_it_is_tried_at_once() -> None:
    refused = in_a_row(MALFORMED, 3)
    assert refusals.standing(refused, ("mended", *MARK[1:]), NOW) is None
    assert refusals.standing(refused, (*MARK[:2], "application/json", MARK[3]), NOW) is None
    assert refusals.standing(refused, (*MARK[:3], "auto:2"), NOW) is None


@pytest.mark.parametrize("refusal", COSTLY)
def test_after_a_bound_was_broken_nothing_of_the_feed_is_read_for_a_while(refusal: Unreadable) -> None:
    refused = in_a_row(refusal, 1)
    for mark in (MARK, ("another", *MARK[1:])):
        held = refusals.standing(refused, mark, seconds(29.9))
        assert held is not None
        assert (held.code, str(held)) == (refusal.code, str(refusal))
        assert refusals.standing(refused, mark, seconds(30)) is None


@pytest.mark.parametrize("refusal", COSTLY)
def test_each_bound_broken_in_a_row_doubles_the_pause_up_to_a_quarter_of_an_hour(refusal: Unreadable) -> None:
    assert [pause(in_a_row(refusal, times)) for times in (1, 2, 3, 4, 5, 6, 7, 5000)] == [
        *(30, 60, 120, 240, 480),
        *(900, 900, 900),
    ]


def test_a_document_that_is_merely_malformed_ends_the_row() -> None:
    refused = refusals.after(in_a_row(COSTLY[0], 5), MALFORMED, MARK, NOW)
    assert pause(refused) == 0
    assert pause(refusals.after(refused, COSTLY[0], MARK, NOW)) == 30

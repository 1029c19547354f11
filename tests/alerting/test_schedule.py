from __future__ import annotations

import itertools
from datetime import datetime, timedelta

import pytest

from deltawire.alerting.payload import make_alert
from deltawire.alerting.rules import subject
from deltawire.alerting.schedule import DELAYS_S, GIVE_UP, Answer, delay_s, settle
from deltawire.store.port import Delivery
from support.samples import START, entry_event

FAILED = Answer(ok=False, text="HTTP 500")


def owed() -> Delivery:
    about = subject(entry_event("created", 1))
    assert about is not None
    alert = make_alert("r", about, (), START)
    return Delivery(alert=alert, channel_id="c", state="owed", attempts=0, next_attempt_at=START)


def attempts_until_dead(answer: Answer) -> list[datetime]:
    delivery, tried = owed(), []
    while delivery.state == "owed":
        tried.append(delivery.next_attempt_at)
        delivery = settle(delivery, answer, delivery.next_attempt_at)
    assert delivery.state == "dead"
    assert delivery.attempts == len(tried)
    return tried


def test_attempts_follow_the_plan_within_ten_percent_and_end_after_three_days() -> None:
    tried = attempts_until_dead(FAILED)
    waits = [(after - before).total_seconds() for before, after in itertools.pairwise(tried)]
    plan = [*DELAYS_S[1:], *[DELAYS_S[-1]] * (len(waits) - len(DELAYS_S) + 1)]
    assert waits == [pytest.approx(delay, rel=0.1) for delay in plan]
    assert waits != plan
    assert tried[0] == START
    assert GIVE_UP - timedelta(hours=11) < tried[-1] - START <= GIVE_UP


def test_jitter_is_the_same_for_the_same_alert_and_attempt_only() -> None:
    assert delay_s("a", 3, None) == delay_s("a", 3, None)
    assert len({delay_s(name, 3, None) for name in "abcdef"}) == 6


def test_retry_after_lengthens_the_wait_and_never_shortens_it() -> None:
    assert delay_s("a", 1, 120.0) == 120.0
    assert delay_s("a", 4, 1.0) == delay_s("a", 4, None)


def test_success_ends_a_delivery_and_410_kills_it_at_once() -> None:
    assert settle(owed(), Answer(ok=True, text="HTTP 204"), START).state == "delivered"
    dead = settle(owed(), Answer(ok=False, text="HTTP 410", gone=True), START)
    assert (dead.state, dead.attempts, dead.answer) == ("dead", 1, "HTTP 410")


def test_an_alert_that_was_owed_through_a_long_stop_is_tried_before_it_is_given_up() -> None:
    late = START + timedelta(days=30)
    assert settle(owed(), Answer(ok=True, text="HTTP 200"), late).state == "delivered"
    assert settle(owed(), FAILED, late).state == "dead"

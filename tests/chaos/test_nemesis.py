from __future__ import annotations

from random import Random

from chaos.nemesis import Deck


def test_every_fault_is_dealt_once_before_any_comes_again() -> None:
    for seed in range(50):
        deck = Deck(Random(seed), ["poller", "differ", "broker", "postgres"])
        everyone = {"poller", "differ", "broker", "postgres"}
        rounds = [[deck.deal(everyone) for _ in range(8)] for _ in range(2)]
        for dealt in rounds:
            assert len(set(dealt)) == 8
            assert ("postgres", True) in dealt


def test_who_is_hit_already_keeps_its_place_in_the_deck() -> None:
    deck = Deck(Random(1), ["broker", "postgres"])
    assert {deck.deal({"broker"}), deck.deal({"broker"})} == {("broker", True), ("broker", False)}
    assert deck.deal({"broker"}) is None
    assert {deck.deal({"postgres"}), deck.deal({"postgres"})} == {("postgres", True), ("postgres", False)}

"""What no program could tell from what was served. The press never does it, so everything that it does is scored."""

from __future__ import annotations

from typing import NamedTuple


class Undecided(NamedTuple):
    what: str
    why: str


UNDECIDED: tuple[Undecided, ...] = (
    Undecided(
        "In a window, the oldest post shown is withdrawn, or one with only pinned posts below it.",
        "It looks like falling off the end. A post is withdrawn only while one that is older, by its time and in the "
        "order, and not pinned, stays on the page.",
    ),
    Undecided(
        "A post beyond the window is edited, withdrawn or restored.",
        "Nobody is shown it. What changed there is a fact when the post is shown again.",
    ),
    Undecided(
        "A state is served once, or not at all, before the next.",
        "A removal is confirmed by a second look, and an edit that nobody was shown left no trace. Truth is what was "
        "served: each state is served at least three times, one that looks as one before it did seven times "
        "(fourteen where headers lie).",
    ),
    Undecided(
        "Without Date, Age and times that can be believed, an old copy stays for more than two looks in a row.",
        "It is then what editors going back to an earlier text look like. They are to be believed after at most "
        "fourteen looks.",
    ),
    Undecided(
        "Without Date and Age that can be believed, an old copy shows a state that nobody was ever shown.",
        "It is then what a new state looks like.",
    ),
    Undecided(
        "A post without a lasting id changes more than half of its words at once; without a time as well, more than "
        "three in ten.",
        "It is then what a withdrawal and a new post look like.",
    ),
    Undecided(
        "A post without an id and without times is edited while it falls off the end of a window.",
        "When it is back, its words are all that it could be known by, and nobody saw them change.",
    ),
    Undecided(
        "Where ids do not last, editors do several things between two looks.",
        "Which of several changed posts was which can then have more than one answer.",
    ),
    Undecided(
        "Of two posts of the same words and time, one is withdrawn; or a new one has the words of a withdrawn one.",
        "Which of them it is cannot be seen. No two posts have the same words, withdrawn ones included.",
    ),
    Undecided(
        "A post takes the id of a withdrawn one, and posts have no times.",
        "It looks like the withdrawn post, restored and rewritten. Another time and other words make it another post.",
    ),
    Undecided(
        "A post takes the id of one that is beyond the window, while all other ids last.",
        "It looks like that post, rewritten and moved. Two posts share an id only if they were published together.",
    ),
    Undecided(
        "A withdrawn post comes back under another id and another time, or with fewer than ten words.",
        "A new post can have these words too. With its words and its time it is the old post: restored.",
    ),
    Undecided(
        "The pinned post is on no list of the page at all.",
        "It looks like a withdrawal.",
    ),
    Undecided(
        "Pinned posts stand at the top, and posts have no times, or the format is flattened text.",
        "Nothing tells that they stand out of the order, so nothing tells how far down the page reaches.",
    ),
    Undecided(
        "Flattened text is cut off, or has counters, ages and appeals in it.",
        "It has no mark at its end and no borders between posts: these are words like others.",
    ),
    Undecided(
        "In flattened text, only links or pictures are edited, or publication times are moved.",
        "They are not in it. (They are edited; no event follows.)",
    ),
    Undecided(
        "Counters and appeals of no known kind, in the first looks.",
        "Noise is known by its form or because it changes at every look. The press uses forms that sites use, with "
        "posts that have times among appeals that have none.",
    ),
)

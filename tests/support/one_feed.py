"""The differ of one feed with its memory, without a log."""

from __future__ import annotations

from deltawire.differ.decide import decide
from deltawire.differ.emit import Emission, emit
from deltawire.differ.state import FeedState, Known, Outcome, Policy
from deltawire.model import Observation


class OneFeed:
    """``outcome`` is that of the last look."""

    def __init__(self, policy: Policy | None = None) -> None:
        self.policy = policy or Policy()
        self.state: FeedState | None = None
        self.known: dict[str, Known] = {}
        self.outcome: Outcome | None = None

    def decided(self, observation: Observation) -> Emission:
        """What the look leads to; it is remembered."""
        self.outcome = decide(self.state, self.known, observation, self.policy)
        emission = emit(self.state, self.outcome, observation, "urn:test")
        self.state = emission.state
        for entry_id, known in emission.entries.items():
            if known is None:
                self.known.pop(entry_id, None)
            else:
                self.known[entry_id] = known
        return emission

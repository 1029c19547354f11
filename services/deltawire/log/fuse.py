"""When a service must stop rather than go on skipping: a pure count of what it could not process."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import msgspec

from deltawire.config import DeadLettersConfig

DEFAULT_LIMITS = DeadLettersConfig()

WINDOW = 500
"""Records over which ``max_ratio`` is taken."""


class FuseBlown(Exception):
    """Too much cannot be processed: the process must stop, and not commit the batch. One sentence with the mend."""


class Fuse(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the last records that one worker saw of one partition.

    ``where`` names the service, the topic and the partition. The count begins when the worker does: a partition
    that changes hands, or a process that is started again, begins anew.
    """

    limits: DeadLettersConfig
    where: str
    in_a_row: int = 0
    recent: tuple[bool, ...] = ()

    def after(self, outcomes: Iterable[str | None]) -> Fuse:
        """The fuse after these records, in order: null for one that was processed, else why it was not.

        Raises:
            FuseBlown: more than ``max_consecutive`` in a row, or more than ``max_ratio`` of WINDOW among the last
                WINDOW records, could not be processed. Until that many were seen, the missing ones count as good.
        """
        in_a_row = self.in_a_row
        recent = deque(self.recent, maxlen=WINDOW)
        skipped = sum(recent)
        for reason in outcomes:
            if len(recent) == WINDOW:
                skipped -= recent[0]
            recent.append(reason is not None)
            skipped += reason is not None
            in_a_row = 0 if reason is None else in_a_row + 1
            if reason is None:
                continue
            if in_a_row > self.limits.max_consecutive:
                raise FuseBlown(self._sentence(f"{in_a_row} records in a row", reason, "max_consecutive"))
            if skipped > self.limits.max_ratio * WINDOW:
                raise FuseBlown(self._sentence(f"{skipped} of the last {WINDOW} records", reason, "max_ratio"))
        return msgspec.structs.replace(self, in_a_row=in_a_row, recent=tuple(recent))

    def _sentence(self, how_many: str, reason: str, key: str) -> str:
        return (
            f"{self.where}: {how_many} could not be processed (the last: {reason}); stopped before them, so that they "
            f"are not all skipped: run the version of deltawire that wrote them, or raise dead_letters.{key}"
        )

"""A courier that is killed between claiming a delivery and attempting it.

python doomed.py STORE_URL NOW
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from datetime import datetime

from deltawire.alerting.channels import LogChannel
from deltawire.alerting.courier import Courier
from deltawire.alerting.schedule import Answer
from deltawire.store.engines import open_store
from deltawire.store.port import Alert


class Fatal(LogChannel):
    async def send(self, alert: Alert, now: datetime) -> Answer:
        os.kill(os.getpid(), signal.SIGKILL)
        return await super().send(alert, now)


async def main(url: str, now: datetime) -> None:
    await asyncio.gather(*await Courier(await open_store(url), Fatal("desk"), lambda: now).begin_due(1))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], datetime.fromisoformat(sys.argv[2])))

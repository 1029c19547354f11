"""The command line: the one place that imports every service, each only when its command runs."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Sequence


def start(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    if threading.current_thread() is threading.main_thread():
        # Until a service has its own way to stop, there is nothing to stop. Before the imports, which take a while.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    from deltawire.cli.main import main

    return main(argv)

"""What each task of `make` on this machine runs in."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from local.errors import LocalError, leave_the_users_settings


@contextmanager
def task(*, serves: bool = False) -> Iterator[None]:
    """Away from the user's AWS settings and proxies; errors become words. Ctrl-C breaks it off, or ends what `serves`.

    SIGTERM, or a terminal that is closed, ends it as Ctrl-C does (`end_at_signals`).
    """
    leave_the_users_settings()
    end_at_signals()
    try:
        yield
    except LocalError as error:
        sys.exit(f"\n{error}")
    except KeyboardInterrupt:
        if not serves:
            sys.exit("\nInterrupted; everything was stopped.")
        print("\nStopped.")


def end_at_signals() -> None:
    """SIGTERM and SIGHUP end this process as Ctrl-C does, so that what was started is stopped.

    A background job takes SIGINT, too; what was started with nohup takes no SIGHUP.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _end)


def _end(*_: object) -> None:
    """Once: a shell and a terminal that end both send SIGHUP; make passes on a SIGTERM that its children got, too.

    Another Ctrl-C breaks off the cleaning up as well.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    raise KeyboardInterrupt

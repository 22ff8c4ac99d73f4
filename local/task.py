"""What each task of `make` on this machine runs in."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from local.errors import LocalError, leave_the_users_settings


@contextmanager
def task(*, serves: bool = False) -> Iterator[None]:
    """Away from the user's AWS settings and proxies; errors become words. Ctrl-C breaks it off, or ends what `serves`.

    SIGTERM ends as Ctrl-C does, so that what was started is stopped; a background job takes SIGINT too.
    """
    leave_the_users_settings()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    except LocalError as error:
        sys.exit(f"\n{error}")
    except KeyboardInterrupt:
        if not serves:
            sys.exit("\nInterrupted; everything was stopped.")
        print("\nStopped.")

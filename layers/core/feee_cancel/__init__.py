"""Cancels feee.io orders and sees each cancellation through to the refund."""

import gc

# Nearly all that a cold start makes stays for good, so that looking for garbage among it is time lost: a tenth of it.
gc.set_threshold(50_000, 20, 100)

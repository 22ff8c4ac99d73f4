"""Cancels feee.io orders and sees each cancellation through to the refund."""

import gc

# Nearly all that a cold start makes stays for good, so that looking for garbage among it is time lost: a tenth of it.
# A start makes some 60,000 objects; a warm call leaves eight to be looked for.
gc.set_threshold(100_000, 20, 100)

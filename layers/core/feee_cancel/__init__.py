"""Cancels feee.io orders and sees each cancellation through to the refund."""

import gc

# Nearly everything that a cold start creates stays for good, so looking for garbage in it wastes a tenth of the start.
# A start creates some 60,000 objects; a warm call leaves eight to collect.
gc.set_threshold(100_000, 20, 100)

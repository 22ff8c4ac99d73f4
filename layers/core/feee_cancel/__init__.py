"""Cancels feee.io orders and sees each cancellation through to the refund."""

"""What an order is, what a cancellation is, and what an answer of feee.io means. The standard library only."""

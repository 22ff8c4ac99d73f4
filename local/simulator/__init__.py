"""feee.io's open API on this machine, as far as feee.io's pages tell how it behaves, and able to misbehave."""

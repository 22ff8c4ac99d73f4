"""HTTP at the edge: what events say, what is answered, and which error is which problem."""

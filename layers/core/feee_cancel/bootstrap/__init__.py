"""The composition roots: each wires one kind of function to AWS and feee.io, once per execution environment."""

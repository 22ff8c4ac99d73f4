"""`make deploy` and `make undeploy`: the whole way from a clone to a stack that cancels, and back."""

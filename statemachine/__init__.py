"""What an execution runs: the chain of states, and the three Lambda functions in it."""

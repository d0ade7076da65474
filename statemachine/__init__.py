"""What an execution runs: the chain of states, and the two Lambda functions in it."""

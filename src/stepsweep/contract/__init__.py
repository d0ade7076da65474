"""The contract that all rooms share: specs, trials, keys, metrics and ranking.

It uses only the standard library and does no I/O, so it runs the same in a Lambda function, a Batch job, the client and
a test.
"""

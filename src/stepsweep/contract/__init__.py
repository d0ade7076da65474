"""The contract every room shares: what is asked, what a trial is, where things are, who wins.

Standard library only, no I/O: what is here runs the same in a Lambda function, in a Batch job, in the client
and in a test.
"""

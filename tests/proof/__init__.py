"""The proof of the stack: what would go wrong when it is deployed or run, found without an account.

`python -m tests.proof` prints one table of it. A check takes what `cdk synth` wrote and returns findings; so it can
also be given the same with a fault seeded into it (`faults.py`), which it should find.
"""

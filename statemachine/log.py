"""One line of structured log per invocation of a function."""

import json
import time


class Invocation:
    """Measures one invocation.

    Args:
        function: the function's name, such as `plan`.
        sweep, round_number: what it works on.
    """

    def __init__(self, function: str, *, sweep: str, round_number: int) -> None:
        self._known: dict[str, object] = {"function": function, "sweep": sweep, "round": round_number}
        self._began = time.monotonic()

    def ended(self, **counts: object) -> None:
        """Prints one JSON object: what is known, the counts, and the milliseconds since the start.

        Only numbers and names of ours go in: a person's params stay in the bucket.
        """
        milliseconds = round(1000 * (time.monotonic() - self._began))
        print(json.dumps({**self._known, **counts, "milliseconds": milliseconds}), flush=True)

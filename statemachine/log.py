"""One line of structured log per invocation of a function."""

import json
import time


class Invocation:
    """Measures one invocation.

    Args:
        function: the function's name, such as `plan`.
        sweep, round_number: the round that it works on.
    """

    def __init__(self, function: str, *, sweep: str, round_number: int) -> None:
        self._known: dict[str, object] = {"function": function, "sweep": sweep, "round": round_number}
        self._began = time.monotonic()

    def ended(self, **counts: object) -> None:
        """Prints one JSON object: function, sweep and round, the counts, and the milliseconds since the start.

        It must contain only our own numbers and names: a person's params stay in the bucket.
        """
        milliseconds = round(1000 * (time.monotonic() - self._began))
        print(json.dumps({**self._known, **counts, "milliseconds": milliseconds}), flush=True)

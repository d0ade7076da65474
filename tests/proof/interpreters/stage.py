"""What the interpreters written in Python play a story on."""

import copy
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

SECONDS = 60
"""Longest wait for another branch; a story ends in milliseconds."""
POLL_SECONDS = 0.02


class Scripted(Exception):
    """A request fails, as the script says."""

    def __init__(self, error: str, cause: str) -> None:
        super().__init__(f"{error}: {cause}")
        self.error, self.cause = error, cause


class Stage:
    """One story: its script, and what came of it.

    Attributes:
        path: the states that were entered, each with the number of the Map's child.
        requests: the state, what the request names, and the request.
    """

    def __init__(self, story: dict[str, Any]) -> None:
        self.story = story
        self.path: list[tuple[str, int | None]] = []
        self.requests: list[tuple[str, str, Any]] = []
        self._seen: Counter[str] = Counter()
        self._answered: Counter[tuple[str, str]] = Counter()
        self._changed = threading.Condition()

    def begin_branches(self) -> None:
        self._seen.clear()

    def enter(self, name: str, index: int | None, *, is_task: bool) -> None:
        with self._changed:
            self.path.append((name, index))
            self._seen[name] += not is_task
            self._changed.notify_all()

    def request(self, state: str, request: dict[str, Any], *, stopped: Callable[[], bool]) -> Any:
        """Returns the answer. Raises Scripted where it is a failure."""
        payload = request.get("Payload")
        worker = payload.get("worker") if isinstance(payload, dict) else None
        who = str(request.get("JobName") or request.get("Key") or ("" if worker is None else worker))
        return self._answer(state, who, request, self.story["answers"].get(state, {}).get(who), stopped)

    def items(self, state: str, source: dict[str, Any], *, stopped: Callable[[], bool]) -> Any:
        """Returns the items of a Map. Raises Scripted where they cannot be read."""
        # The threads of the branches begin one after the other; nothing of the one ends before the other begins.
        self._until(lambda: self._seen["Give the jobs time to start"] > 0, stopped)
        return self._answer(state, "", source, self.story["items"].get(state), stopped)

    def wait(self, *, stopped: Callable[[], bool]) -> None:
        """Waits where time stands still: until the branch is stopped."""
        if not self.story["time_passes"]:
            self._until(lambda: False, stopped)

    def told(self, *, output: Any, error: str | None, cause: str | None) -> dict[str, Any]:
        return {"path": self.path, "requests": self.requests, "output": output, "error": error, "cause": cause}

    def _answer(
        self,
        state: str,
        who: str,
        request: Any,
        answers: list[dict[str, Any]] | None,
        stopped: Callable[[], bool],
    ) -> Any:
        with self._changed:
            self.requests.append((state, who, copy.deepcopy(request)))
            self._seen[state] += 1
            number = self._answered[state, who]
            self._answered[state, who] += 1
            self._changed.notify_all()
        if not answers or number >= len(answers):
            raise Scripted("Unscripted", f"{state}: request {number + 1} of {who!r}")
        answer = answers[number]
        if "fails" in answer:
            raise Scripted(answer["fails"], answer["cause"])
        if answer["after"]:
            seen, times = answer["after"]
            self._until(lambda: self._seen[seen] >= times, stopped)
        return copy.deepcopy(answer["returns"])

    def _until(self, is_so: Callable[[], bool], stopped: Callable[[], bool]) -> None:
        with self._changed:
            for _ in range(int(SECONDS / POLL_SECONDS)):
                if self._changed.wait_for(lambda: is_so() or stopped(), timeout=POLL_SECONDS):
                    return
        raise Scripted("Unscripted", f"nothing happens any more; the story was at {self.path[-3:]}")

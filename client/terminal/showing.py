"""Shows a running sweep on a terminal: lines, and below them a display that changes."""

from contextlib import ExitStack
from types import TracebackType
from typing import Self

from stepsweep.client.operations.events import Begun, Doing, Event
from stepsweep.client.running.progress import Progress
from stepsweep.client.terminal.live import Following
from stepsweep.client.terminal.view import View


class OnTerminal:
    """Shows steps and progress. The changing display disappears when the sweep or the context ends."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.wants_training = view.is_live
        self._following: Following | None = None
        self._while_it_changes = ExitStack()

    def __call__(self, event: Event) -> None:
        match event:
            case Doing(text):
                self.view.status(text)
            case Begun(execution):
                self._following = Following(self.view, execution.spec)
                self._while_it_changes.enter_context(self._following.live())
            case Progress() if self._following is not None:
                self._following.update(event)
            case _:
                self._while_it_changes.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._while_it_changes.close()

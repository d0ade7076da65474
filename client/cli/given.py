"""The type of options that must not be empty: an empty text is that of a variable that is not set."""

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class Given(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4 only
    """Refuses an empty text, which another type would take for the current folder, or for a default."""

    def __init__(self, kind: "click.ParamType[Any]" = click.STRING) -> None:
        self.name = kind.name
        self._kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            what = param.make_metavar(ctx) if param and ctx else self.name
            self.fail(f"must be a {what}, got an empty text; is a variable not set?", param, ctx)
        return self._kind.convert(value, param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
        return self._kind.shell_complete(ctx, param, incomplete)

"""Parses a Dockerfile as BuildKit does: directives, comments, continued lines, heredocs and words.

https://docs.docker.com/reference/dockerfile/ says what each instruction means. No library on PyPI knows heredocs, the
escape directive and `${NAME:-default}`, and has wheels for a Mac.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from stepsweep.contract.errors import InvalidInput
from stepsweep.local.expansion import Expansion

INSTRUCTIONS = (
    *("ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "MAINTAINER"),
    *("ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"),
)

_WITH_HEREDOCS = ("ADD", "COPY", "RUN")

_DIRECTIVE = re.compile(r"#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$")

_HEREDOC = re.compile(r"(?<!\S)\d*<<(-?)(\"[^\"\s<]+\"|'[^'\s<]+'|[^\s<\"']+)(?!\S)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heredoc:
    """A text that stands in the Dockerfile.

    Attributes:
        word: what names it in the instruction, such as `<<EOF`.
        expands: whether variables in it are replaced; not if its name stands in quotes.
    """

    word: str
    name: str
    text: str
    expands: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """One instruction.

    Attributes:
        name: in capitals.
        flags: such as {"chown": "app:app"}; a flag without a value has an empty one.
        value: what follows the flags, in one line.
        line: where it begins, counted from 1.
    """

    name: str
    flags: Mapping[str, str]
    value: str
    line: int
    escape: str
    heredocs: tuple[Heredoc, ...] = ()

    def fault(self, said: str) -> InvalidInput:
        """Returns the error for a fault in this instruction."""
        return fault(self.line, f"{self.name} {self.value}".strip(), said)

    def json_list(self) -> list[str] | None:
        """Returns the words of the exec form; None if the value is not a JSON list."""
        try:
            words = json.loads(self.value)
        except (ValueError, RecursionError):
            return None
        if not isinstance(words, list):
            return None
        if not all(isinstance(word, str) for word in words):
            raise self.fault("a JSON list must have texts only")
        return words

    def expanded(self, word: str, variables: Mapping[str, str]) -> str:
        """Replaces variables in a word, and removes its quotes.

        Raises:
            InvalidInput: the word breaks a rule, such as a quote without its end.
        """
        return self._expanded(word, variables, keeps_quotes=False)

    def heredoc_text(self, heredoc: Heredoc, variables: Mapping[str, str]) -> str:
        """Returns the text of a heredoc, with its variables replaced."""
        return self._expanded(heredoc.text, variables, keeps_quotes=True) if heredoc.expands else heredoc.text

    def _expanded(self, word: str, variables: Mapping[str, str], *, keeps_quotes: bool) -> str:
        try:
            return Expansion(word, variables, escape=self.escape, keeps_quotes=keeps_quotes).whole()
        except ValueError as error:
            raise self.fault(str(error)) from None

    def pairs(self, variables: Mapping[str, str]) -> dict[str, str]:
        """Returns the names and values of ENV or LABEL. All of them see the variables from before the instruction."""
        words = self.words()
        if not words:
            raise self.fault("must have a name and a value")
        if "=" not in words[0]:
            name, *value = self.value.split(maxsplit=1)
            if not value:
                raise self.fault("must have a name and a value")
            return {self.expanded(name, variables): self.expanded(value[0], variables)}
        found = {}
        for word in words:
            name, is_pair, value_of_it = word.partition("=")
            if not is_pair:
                raise self.fault(f"{word} must be of the form name=value")
            found[self.expanded(name, variables)] = self.expanded(value_of_it, variables)
        return found

    def words(self) -> list[str]:
        """Returns the words of the value. Quotes and escapes stay, and what they enclose is not split."""
        quoted = rf'"(?:{re.escape(self.escape)}.|[^"])*"|\'[^\']*\''
        return re.findall(rf"(?:{quoted}|{re.escape(self.escape)}.|\S)+", self.value)


def fault(line: int, instruction: str, said: str) -> InvalidInput:
    """Returns the error for a fault in a trainer's Dockerfile."""
    return InvalidInput([f"the trainer's Dockerfile, line {line}: {instruction}: {said}"])


def parsed(text: str) -> list[Instruction]:
    """Returns the instructions of a Dockerfile.

    Raises:
        InvalidInput: it breaks a rule; names the line.
    """
    lines = text.removeprefix("\ufeff").removesuffix("\n").split("\n")
    escape = _escape_of(lines)
    numbered = iter(enumerate(lines, start=1))
    return [_instruction(line, number, escape, numbered) for number, line in _joined(numbered, escape)]


def _escape_of(lines: list[str]) -> str:
    for number, line in enumerate(lines, start=1):
        directive = _DIRECTIVE.match(line.strip())
        if not directive or directive[1].lower() not in ("escape", "syntax", "check"):
            break
        if directive[1].lower() == "escape":
            if directive[2] not in ("\\", "`"):
                raise fault(number, line.strip(), "the escape character must be \\ or `")
            return directive[2]
    return "\\"


def _joined(numbered: Iterator[tuple[int, str]], escape: str) -> Iterator[tuple[int, str]]:
    """Yields each instruction in one line, with the number of its first. Two escapes at an end continue no line."""
    continues = re.compile(rf"(?:^|(?<=[^{re.escape(escape)}])){re.escape(escape)}\s*$")
    whole, first = "", 0
    for number, line in numbered:
        is_comment = line.lstrip().startswith("#")
        if is_comment or not line.strip():
            continue  # also between the lines of one instruction
        whole, first = (whole + line, first) if whole else (line.lstrip(), number)
        if continues.search(line):
            whole = continues.sub("", whole)
        elif whole.strip():
            yield first, whole.strip()
            whole = ""
    if whole.strip():
        yield first, whole.strip()


def _instruction(line: str, number: int, escape: str, numbered: Iterator[tuple[int, str]]) -> Instruction:
    word, *rest = line.split(maxsplit=1)
    name, value = word.upper(), rest[0] if rest else ""
    if name not in INSTRUCTIONS:
        raise fault(number, word, "is no instruction")
    heredocs = tuple(_heredocs(value, number, numbered)) if name in _WITH_HEREDOCS else ()
    flags: dict[str, str] = {}
    while flag := re.match(r"--([a-z][\w-]*)(?:=(\S*))?(?:\s+|$)", value):
        flags[flag[1]] = flag[2] or ""
        value = value[flag.end() :]
    return Instruction(name=name, flags=flags, value=value.strip(), line=number, escape=escape, heredocs=heredocs)


def _heredocs(value: str, number: int, numbered: Iterator[tuple[int, str]]) -> Iterator[Heredoc]:
    for opening in _HEREDOC.finditer(value):
        name = opening[2].strip("\"'")
        text = []
        for _, line in numbered:
            kept = line.lstrip("\t") if opening[1] else line
            if kept.rstrip("\r") == name:
                break
            text.append(f"{kept}\n")
        else:
            raise fault(number, opening[0], f"the text has no end; a line must be {name}")
        yield Heredoc(word=opening[0], name=name, text="".join(text), expands=opening[2] == name)

"""Parses a Dockerfile as BuildKit does: directives, comments, continued lines, heredocs, words and variables.

https://docs.docker.com/reference/dockerfile/ says what each instruction means. No library on PyPI knows heredocs, the
escape directive and `${NAME:-default}`, and has wheels for a Mac.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from stepsweep.contract.errors import InvalidInput

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
            return _Expansion(word, variables, escape=self.escape, keeps_quotes=keeps_quotes).whole()
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


class _Expansion:
    """Replaces the variables of one word, by the rules of a shell that Docker knows.

    https://docs.docker.com/reference/dockerfile/#environment-replacement
    """

    def __init__(self, word: str, variables: Mapping[str, str], *, escape: str, keeps_quotes: bool) -> None:
        self._word = word
        self._at = 0
        self._variables = variables
        self._escape = escape
        self._keeps_quotes = keeps_quotes

    def whole(self) -> str:
        return self._until("")

    def _next(self) -> str:
        letter = self._word[self._at : self._at + 1]
        self._at += 1
        return letter

    def _peek(self) -> str:
        return self._word[self._at : self._at + 1]

    def _until(self, end: str, *, keeps_escapes: bool = False) -> str:
        found = ""
        while letter := self._peek():
            if letter == end:
                self._next()
                return found
            if letter == "$":
                found += self._variable()
            elif letter == "'" and not self._keeps_quotes:
                found += self._quoted()
            elif letter == '"' and not self._keeps_quotes:
                found += self._double_quoted()
            elif self._next() == self._escape:
                found += (self._escape if keeps_escapes else "") + self._next()
            else:
                found += letter
        if end:
            raise ValueError(f"{end} is missing in {self._word}")
        return found

    def _quoted(self) -> str:
        self._next()
        end = self._word.find("'", self._at)
        if end < 0:
            raise ValueError(f"a quote has no end in {self._word}")
        found = self._word[self._at : end]
        self._at = end + 1
        return found

    def _double_quoted(self) -> str:
        self._next()
        found = ""
        while (letter := self._peek()) != '"':
            if not letter:
                raise ValueError(f"a quote has no end in {self._word}")
            if letter == "$":
                found += self._variable()
            elif self._next() == self._escape and self._peek() in ('"', "$", self._escape):
                found += self._next()
            else:
                found += letter
        self._next()
        return found

    def _variable(self) -> str:
        self._next()
        if self._peek() != "{":
            name = self._name()
            return self._variables.get(name, "") if name else "$"
        self._next()
        name = self._name()
        if not name:
            raise ValueError(f"bad substitution in {self._word}")
        modifier = self._next()
        if modifier == "}":
            return self._variables.get(name, "")
        value = self._variables.get(name)
        if modifier == ":":
            modifier = self._next()
            value = value or None  # with a colon, an empty value counts as none
        if modifier == "/":
            return self._replaced(value or "")
        word = self._until("}", keeps_escapes=modifier in ("#", "%"))
        match modifier:
            case "-":
                return word if value is None else value
            case "+":
                return "" if value is None else word
            case "?":
                if value is None:
                    raise ValueError(f"{name}: {word or 'must be set'}")
                return value
            case "#" | "%":
                return _trimmed(value or "", word, at_end=modifier == "%")
        raise ValueError(f"bad substitution in {self._word}")

    def _replaced(self, value: str) -> str:
        replaces_all = self._peek() == "/"
        if replaces_all:
            self._next()
        pattern, by = self._until("/", keeps_escapes=True), self._until("}", keeps_escapes=True)
        return re.sub(_regex(pattern), lambda _: by, value, count=0 if replaces_all else 1)

    def _name(self) -> str:
        found = re.compile(r"\d+|[@*#?$!-]|\w+").match(self._word, self._at)
        self._at += len(found[0]) if found else 0
        return found[0] if found else ""


def _trimmed(value: str, pattern: str, *, at_end: bool) -> str:
    is_greedy = pattern.startswith("%" if at_end else "#")
    regex = re.compile(_regex(pattern[1:] if is_greedy else pattern))
    ends = range(len(value) + 1)
    # The parts of the value that the pattern may match, the longest first if it is greedy.
    parts = [(start, len(value)) for start in ends] if at_end else [(0, end) for end in reversed(ends)]
    for start, end in parts if is_greedy else reversed(parts):
        if regex.fullmatch(value, start, end):
            return value[:start] + value[end:]
    return value


def _regex(pattern: str) -> str:
    """Converts a shell's pattern; Docker knows * and ? only."""
    kinds = {"*": ".*", "?": "."}
    return "".join(
        kinds.get(part) or re.escape(part.removeprefix("\\") if len(part) > 1 else part)
        for part in re.findall(r"\\.|.", pattern, re.DOTALL)
    )

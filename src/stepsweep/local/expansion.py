"""Expands the variables in a word of a Dockerfile, by the rules of a shell that Docker knows.

https://docs.docker.com/reference/dockerfile/#environment-replacement
"""

import re
from collections.abc import Mapping


class Expansion:
    """One word, read from its beginning to its end."""

    def __init__(self, word: str, variables: Mapping[str, str], *, escape: str, keeps_quotes: bool) -> None:
        self._word = word
        self._at = 0
        self._variables = variables
        self._escape = escape
        self._keeps_quotes = keeps_quotes

    def whole(self) -> str:
        """Returns the word, expanded. Raises ValueError if it breaks a rule, such as a quote without its end."""
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

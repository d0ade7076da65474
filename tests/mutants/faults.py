"""The faults of a room: mutmut makes them, all at once, in a copy of the code."""

import difflib
import json
import os
import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from mutmut.mutation.file_mutation import mutate_file_contents
from mutmut.utils.format_utils import get_mutant_name, mangled_name_from_mutant_name

PACKAGE = Path("src", "stepsweep")
IMPORT = "from mutmut.mutation.trampoline import wrap_in_trampoline"
STARTED = 'if __name__ == "__main__":'
HOSTS = Path("local", "host_process.py")
TOLD = ("MUTANT_UNDER_TEST", "MUTANTS_CALLS", "PYTEST_CURRENT_TEST")
"""The embedded cloud starts its hosts without what it does not know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A small change of one function.

    Attributes:
        name: mutmut's; a number in it, so another change of the function renames it.
        file: below the package.
        function: with its class.
        change: the lines that it takes away, and those that it puts in; without their indentation.
    """

    name: str
    file: str
    function: str
    change: tuple[str, ...]

    def __str__(self) -> str:
        return "\n  ".join([f"{self.file}: {self.function}", *self.change])


def seeded(copy: Path, files: Iterable[Path], *, cache: Path) -> list[Fault]:
    """Puts all faults of the files into the copy, each asleep, and returns them."""
    cache.mkdir(parents=True, exist_ok=True)
    before = Path.cwd()
    os.chdir(copy)  # where mutmut looks for its configuration
    try:
        return [fault for file in files for fault in _of_file(file, cache)]
    finally:
        os.chdir(before)


def _of_file(file: Path, cache: Path) -> list[Fault]:
    path = PACKAGE / file
    # mutmut takes most of a second for a hundred faults.
    kept = cache / sha256(b"\0".join([str(path).encode(), path.read_bytes(), Path(__file__).read_bytes()])).hexdigest()
    if not kept.exists():
        code, faults = _made(file, path.read_text())
        kept.write_text(json.dumps([code, [asdict(fault) for fault in faults]]))
    code, faults = json.loads(kept.read_text())
    code = code.replace(IMPORT, f"import mutants_calls\n{IMPORT}", 1)
    if file == HOSTS:
        code += f"NEEDED = (*NEEDED, {', '.join(map(repr, TOLD))})\n"
    path.write_text(code)
    return [Fault(**{**fault, "change": tuple(fault["change"])}) for fault in faults]


def _made(file: Path, code: str) -> tuple[str, list[Fault]]:
    """Returns the code with all its faults, and the faults."""
    path = PACKAGE / file
    mutated = mutate_file_contents(str(path), code)
    code = mutated.code
    if STARTED in code:
        # A fault is known by the name of its module, which is another one when a process is started with it.
        module = ".".join(path.relative_to("src").with_suffix("").parts)
        code = code.replace(IMPORT, f"_started, __name__ = __name__ == '__main__', {module!r}\n{IMPORT}", 1)
        code = code.replace(STARTED, "if _started:")
    lines = mutated.code.splitlines()

    def source(name: str) -> list[str]:
        span = mutated.line_span_by_function_name[name]
        text = textwrap.dedent("\n".join(lines[span.start - 1 : span.end]))
        return text.replace(name, "").splitlines()

    found = []
    for name in mutated.mutant_names:
        function = mangled_name_from_mutant_name(name)
        change = _difference(source(f"{function}__mutmut_orig"), source(name))
        function = function.removeprefix("x_").removeprefix("xǁ").replace("ǁ", ".")
        found.append(Fault(name=get_mutant_name(path, name), file=str(file), function=function, change=change))
    return code, found


def _difference(before: Sequence[str], after: Sequence[str]) -> tuple[str, ...]:
    lines = list(difflib.unified_diff(before, after, n=0, lineterm=""))[2:]
    return tuple(f"{line[0]} {line[1:].strip()}" for line in lines if not re.match("@@", line))

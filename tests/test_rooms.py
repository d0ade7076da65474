"""Tests share tests/support: a test file can be moved, split or run alone without another one."""

import ast
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent


def imported(file: Path) -> Iterator[str]:
    """Yields the module, and `module.name`, of each import in a file."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def of_tests(module: str) -> bool:
    """Is it a test module or a conftest, by its last part that is a file?"""
    parts = module.split(".")
    own = parts[0] in {"tests", "", "conftest"} or parts[0].startswith("test_")
    return own and any(part == "conftest" or part.startswith("test_") for part in parts)


def test_no_test_imports_a_test_or_a_conftest() -> None:
    files = [file for file in HERE.rglob("*.py") if "node_modules" not in file.parts]
    assert len(files) > 100
    found = [
        f"{file.relative_to(HERE)} imports {module}; move what they share to tests/support"
        for file in files
        for module in imported(file)
        if of_tests(module)
    ]
    assert found == []

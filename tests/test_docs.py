"""What README and docs tell people to type is what the tools take, and what they link to is there."""

import re
import shlex
from pathlib import Path

import click
import pytest

from stepsweep.client.cli.main import cli
from stepsweep.client.deploying.choices import help_table
from stepsweep.trial.words import USUAL
from tests.support.embedded import REPOSITORY

PAGES = [REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md")] + sorted((REPOSITORY / "docs").rglob("*.md"))


PLACEHOLDERS = {"FOLDER": "examples", "SHELL": "bash"}


def commands(page: Path) -> list[str]:
    """Returns the `sweep` commands of a page: lines of its blocks, and those between back-ticks."""
    text = page.read_text()
    blocks = "".join(re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)).replace("\\\n", " ")
    lines = [line.removeprefix("$ ").removeprefix(".venv/bin/") for line in blocks.splitlines()]
    inline = re.findall(r"`(sweep [^`]+)`", text)
    return [line for line in (*lines, *inline) if re.match(r"sweep [a-z-]", line)]


@pytest.mark.parametrize(
    ("page", "command"),
    [(page.name, command) for page in PAGES for command in commands(page)],
)
def test_commands_are_understood(page: str, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parses the whole line as the client does, down to the types of its options, and runs nothing."""
    monkeypatch.chdir(REPOSITORY)
    words = [word for word in shlex.split(command, comments=True)[1:] if word not in ("…", "...")]
    words = [PLACEHOLDERS.get(word, word.strip("[]")) for word in words]
    if words == ["--help"]:
        return
    group = cli.make_context("sweep", words)
    name, subcommand, rest = cli.resolve_command(group, [*group._protected_args, *group.args])
    assert subcommand is not None, page
    if rest:
        try:
            subcommand.make_context(name, rest, parent=group)
        except click.exceptions.Exit:
            assert {"--help", "-h"} & set(words)


def test_there_are_commands_in_the_pages() -> None:
    assert len([command for page in PAGES for command in commands(page)]) > 10


def test_the_names_that_count_without_a_sign_are_those_that_the_kit_reads() -> None:
    listed = (REPOSITORY / "docs" / "trial-kit.md").read_text().partition("The usual names: ")[2].partition(".")[0]
    assert tuple(listed.replace("\n", " ").split(", ")) == USUAL


def test_the_choices_of_a_deployment_are_those_that_the_help_prints() -> None:
    assert f"```\n{help_table()}\n```\n" in (REPOSITORY / "docs" / "deploying.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text())
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []

"""Texts with code in backticks, as a page shows them."""

import pytest

from stepsweep.page.markup import prose


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("no code", "no code"),
        (
            "run `sweep resume a`, then `sweep show a`",
            "run <code>sweep resume a</code>, then <code>sweep show a</code>",
        ),
        ("`<b>` & <i>", "<code>&lt;b&gt;</code> &amp; &lt;i&gt;"),
        ("a lone ` stays <b>", "a lone ` stays &lt;b&gt;"),
    ],
)
def test_what_stands_in_backticks_is_code_and_all_is_escaped(text: str, html: str) -> None:
    assert prose(text) == html

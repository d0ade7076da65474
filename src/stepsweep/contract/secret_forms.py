"""Recognizes texts that can only be secrets, by the forms that their services document.

No rule knows them all: a password has no form. What is found here would be read by everybody who sees a sweep.
"""

import re

_FORMS = (
    r"://[^/@\s]+:[^/@\s]+@",  # a login in a URL
    r"-----BEGIN [A-Z ]*PRIVATE KEY",
    r"(?i:\bbearer\s+[\w.~+/-]{8,})",
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",  # docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
    r"\bgh[pousr]_[A-Za-z0-9]{20,}",  # GitHub
    r"\bgithub_pat_\w{20,}",
    r"\bglpat-[\w-]{20,}",  # GitLab
    r"\bhf_[A-Za-z0-9]{20,}",  # Hugging Face
    r"\bsk-[\w-]{20,}",  # OpenAI, Anthropic
    r"\bxox[abeprs]-[\w-]{10,}",  # Slack
)
_FORM = re.compile("|".join(_FORMS), re.ASCII)


def has_form_of_secret(text: str) -> bool:
    return _FORM.search(text) is not None

"""Text that is markup, a script, a template and an escape sequence where nobody escapes it."""

HOSTILE = (
    "</script><script>alert(1)</script><img src=x onerror=alert(2)> & \"quoted\" 'text' <!-- {{ 7*7 }} \u2028 \x1b[31m"
)

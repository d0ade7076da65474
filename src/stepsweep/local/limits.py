"""Limits of this process under which no embedded cloud can run: its threads would fail one by one."""

import resource

from stepsweep.contract.errors import SweepError

LEAST_FILES = 64
"""A cloud with two trials at once had 34 open files."""
LEAST_KIB = 786_432
"""Of address space. A cloud with two trials failed in 300,000."""
LEAST_KIB_OF_NODE = 4_194_304
"""What Node.js reserves while it synthesizes a template."""


class CloudFailed(SweepError):
    """The embedded cloud could not start."""


def check_limits(*, least_kib: int = LEAST_KIB) -> None:
    """Raises CloudFailed, which says how to raise the limit.

    Args:
        least_kib: least address space.
    """
    for number, least, unit, option, what in (
        (resource.RLIMIT_NOFILE, LEAST_FILES, 1, "-n", "open files"),
        (resource.RLIMIT_AS, least_kib, 1024, "-v", "KiB of address space"),
    ):
        limit, _ = resource.getrlimit(number)
        if limit != resource.RLIM_INFINITY and limit // unit < least:
            raise CloudFailed(
                f"the embedded cloud needs {least:,} {what}, and this process may have {limit // unit:,}; raise that "
                f"with `ulimit {option}`"
            )

"""Prints what an interpreter has installed, as JSON.

`sweep init --aws` runs this file with the interpreter of the script's project, which need not have stepsweep. So it
uses only the standard library, and works with Python 3.8 and newer.

    python installed.py

Prints {"python": "3.11", "packages": [{"name", "version", "needs": [requirement, …], "modules": [name, …]}, …],
"standard": [name, …]}.
"""

import json
import sys
from importlib import metadata

MODULES = (".py", ".so", ".pyd")


def main() -> None:
    packages = [
        {
            "name": package.metadata["Name"],
            "version": package.version,
            "needs": package.requires or [],
            "modules": modules(package),
        }
        for package in metadata.distributions()
    ]
    standard = sorted({*getattr(sys, "stdlib_module_names", ()), *sys.builtin_module_names})  # since Python 3.10
    document = {"python": "{}.{}".format(*sys.version_info), "packages": packages, "standard": standard}
    json.dump(document, sys.stdout)


def modules(package: metadata.Distribution) -> "list[str]":
    """Returns the names by which it is imported."""
    if declared := (package.read_text("top_level.txt") or "").split():
        return declared
    return sorted({file.parts[0].partition(".")[0] for file in package.files or () if file.suffix in MODULES})


if __name__ == "__main__":
    main()

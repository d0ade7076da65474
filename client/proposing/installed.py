"""Prints what an interpreter has installed, as JSON.

`sweep init --aws` runs this file with the interpreter of the script's project, which need not have stepsweep. So it
uses only the standard library, and works with Python 3.8 and newer.

    python installed.py

Prints {"python": "3.11", "packages": [{"name", "version", "needs": [requirement, …], "modules": [name, …]}, …],
"standard": [name, …]}.
"""

import csv
import json
import sys
from importlib import metadata

MODULES = (".py", ".so", ".pyd")


def main() -> None:
    packages = [described(package) for package in metadata.distributions()]
    standard = sorted({*getattr(sys, "stdlib_module_names", ()), *sys.builtin_module_names})  # since Python 3.10
    document = {"python": "{}.{}".format(*sys.version_info), "packages": packages, "standard": standard}
    json.dump(document, sys.stdout)


def described(package: metadata.Distribution) -> "dict[str, object]":
    about = package.metadata  # a property that reads the file anew, as `version` and `requires` do
    return {
        "name": about["Name"],
        "version": about["Version"],
        "needs": about.get_all("Requires-Dist") or package.requires or [],
        "modules": modules(package),
    }


def modules(package: metadata.Distribution) -> "list[str]":
    """Returns the names by which it is imported."""
    if declared := (package.read_text("top_level.txt") or "").split():
        return declared
    # `package.files` makes an object for each file, which takes most of the time of all.
    files = [row[0] for row in csv.reader((package.read_text("RECORD") or "").splitlines())]
    return sorted({file.partition("/")[0].partition(".")[0] for file in files if file.endswith(MODULES)})


if __name__ == "__main__":
    main()

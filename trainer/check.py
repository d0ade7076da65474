"""Checks command lines of the trainer before any of them runs: their options, and the data sets that they need.

Reads a JSON list of command lines (lists of texts), and prints a JSON list of faults. The embedded cloud runs it
before a sweep starts (the image's label `stepsweep.check`). Otherwise every trial would fail for the same reason.
"""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from stepsweep.contract import keys
from stepsweep.contract.errors import InvalidInput
from stepsweep.trainer import data, device, options


def faults_of(commands: Sequence[Sequence[str]], *, data_dir: str) -> list[str]:
    """Returns each fault once, in the order of the commands; faults of data sets come last, and only with torch."""
    faults: dict[str, None] = {}
    has_torch = device.has_torch()
    if not has_torch:
        faults[f"{device.NEEDS_TORCH}; or name the folder of yours with --trainer"] = None
    needed: dict[tuple[str, Path], None] = {}
    for command in commands:
        try:
            asked = options.parse(command, default_data_dir=data_dir, default_threads="1", default_device="auto")
            if not has_torch:
                continue  # the trainer cannot run, so its data does not matter
            needed[asked.dataset, asked.data_dir] = None
            if asked.precision != device.FP32:  # fp32 needs no torch here, which takes seconds to import
                device.choose(asked.device, precision=asked.precision)
        except InvalidInput as error:
            faults.update(dict.fromkeys(error.faults))
    for dataset, folder in needed:
        try:
            data.check(dataset, folder)
        except data.DataSetError as error:
            faults[str(error)] = None
    return list(faults)


if __name__ == "__main__":
    folder = os.environ.get(keys.DATA_DIR) or data.DEFAULT_DATA_DIR
    print(json.dumps(faults_of(json.load(sys.stdin), data_dir=folder)))

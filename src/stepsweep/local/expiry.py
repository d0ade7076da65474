"""Deletes objects that have expired by the bucket's lifecycle rules: S3 does so once a day, this cloud at its start."""

import contextlib
import json
from pathlib import Path

from stepsweep.bucket.folder import files_below, path_of

DAY_SECONDS = 24 * 60 * 60


def expire(objects: Path, assembly: Path, stack: str, *, now: float) -> None:
    """Deletes expired objects, and the folders that are empty then.

    Args:
        objects: the folder of the buckets.
        assembly: the folder of the template, which has the rules: prefixes and ages in days.
        now: seconds since 1970.
    """
    resources = json.loads((assembly / f"{stack}.template.json").read_bytes())["Resources"].values()
    buckets = [each.get("Properties", {}) for each in resources if each["Type"] == "AWS::S3::Bucket"]
    for rule in [rule for each in buckets for rule in each.get("LifecycleConfiguration", {}).get("Rules", [])]:
        if rule["Status"] != "Enabled" or "ExpirationInDays" not in rule:
            continue
        oldest = now - rule["ExpirationInDays"] * DAY_SECONDS
        for bucket in objects.glob("*"):
            home = path_of(objects, bucket.name, rule["Prefix"].rstrip("/"))
            for file in list(files_below(home)):
                if file.stat().st_mtime < oldest:
                    _delete(Path(file.path), home)


def _delete(file: Path, home: Path) -> None:
    file.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # a folder that is not empty
        for folder in file.parents:
            if folder == home:
                break
            folder.rmdir()

"""The bucket's lifecycle rules on a laptop."""

import json
import os
from pathlib import Path

from stepsweep.local.expiry import DAY_SECONDS, expire

RULES = [
    {"Id": "A", "Status": "Enabled", "Prefix": "artifacts/new/", "ExpirationInDays": 30},
    {"Id": "B", "Status": "Disabled", "Prefix": "trials/", "ExpirationInDays": 1},
    {"Id": "C", "Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}},
]
NOW = 2_000_000_000.0


def test_what_is_older_than_its_rule_is_deleted_with_its_folders_and_nothing_else(tmp_path: Path) -> None:
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"LifecycleConfiguration": {"Rules": RULES}}}
    resources = {"Bucket": bucket, "Other": {"Type": "AWS::SQS::Queue"}}
    (tmp_path / "S.template.json").write_text(json.dumps({"Resources": resources}))
    objects = tmp_path / "s3"
    for name, days in {
        "artifacts/new/old/e1/best.pt": 31,
        "artifacts/new/young/e1/best.pt": 29,
        "artifacts/kept/old/e1/best.pt": 31,
        "trials/old/metrics-e1.csv": 31,
    }.items():
        file = objects / "bucket" / name
        file.parent.mkdir(parents=True)
        file.touch()
        os.utime(file, (NOW, NOW - days * DAY_SECONDS))
    expire(objects, tmp_path, "S", now=NOW)
    assert sorted(str(path.relative_to(objects / "bucket")) for path in objects.rglob("*") if path.is_file()) == [
        "artifacts/kept/old/e1/best.pt",
        "artifacts/new/young/e1/best.pt",
        "trials/old/metrics-e1.csv",
    ]
    assert [path.name for path in (objects / "bucket" / "artifacts" / "new").iterdir()] == ["young"]

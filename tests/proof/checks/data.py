"""The bucket: private, encrypted, and with what a trial needs only for a while deleted after it."""

from collections.abc import Iterator
from typing import Any

from stepsweep.contract import keys
from tests.proof.checks.check import Findings
from tests.proof.subject import Subject


def findings(subject: Subject) -> Findings:
    for name, bucket in subject.all("AWS::S3::Bucket").items():
        yield from (f"{name}: {fault}" for fault in _faults(bucket))
    for name, rule in subject.all("AWS::SNS::Topic").items():
        if "TopicName" in rule:
            yield f"{name}: a physical name cannot be replaced"
    for kind in ("ComputeEnvironment", "JobQueue", "JobDefinition"):
        for name, properties in subject.all(f"AWS::Batch::{kind}").items():
            if f"{kind}Name" in properties:
                yield f"{name}: with a physical name CloudFormation cannot replace it"


def _faults(bucket: dict[str, Any]) -> Iterator[str]:
    if "BucketName" in bucket:
        yield "a physical name is taken as soon as one account in the world has it"
    blocked = bucket.get("PublicAccessBlockConfiguration", {})
    if [blocked.get(what) for what in ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls")] != [True] * 3:
        yield "could be made public"
    if not blocked.get("RestrictPublicBuckets"):
        yield "could be made public by a policy"
    if not bucket.get("BucketEncryption"):
        yield "is not encrypted"
    rules = {rule.get("Prefix"): rule for rule in bucket.get("LifecycleConfiguration", {}).get("Rules", [])}
    if not any("AbortIncompleteMultipartUpload" in rule for rule in rules.values()):
        yield "uploads that never ended are kept, and paid, for ever"
    if "ExpirationInDays" not in rules.get(keys.CHECKPOINTS, {}):
        yield "checkpoints are kept for ever"
    for prefix, rule in rules.items():
        if "ExpirationInDays" in rule and prefix not in (keys.CHECKPOINTS, keys.NEW_ARTIFACTS):
            yield f"{prefix or 'everything'} is deleted after {rule['ExpirationInDays']} days, metrics with it"
        if rule.get("Status") != "Enabled":
            yield f"the rule for {prefix} is not enabled"
    if bucket.get("VersioningConfiguration"):
        yield "versions of what is deleted are kept, and nothing deletes them"

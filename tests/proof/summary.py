"""A template as text that a person can read and compare: `python -m tests.proof.summary` writes those in `summaries`.

A change of the stack that was meant changes them: renew them, and read the difference before you commit it. If an id of
`LOST` changes there, the next deploy of a person's stack deletes what it names.
"""

import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.proof.proof import Proof
from tests.proof.subject import Subject
from tests.proof.variants import VARIANTS

FOLDER = Path(__file__).with_name("summaries")

LOST = {
    "AWS::Batch::JobQueue": "the jobs that wait",
    "AWS::Logs::LogGroup": "its lines",
    "AWS::S3::Bucket": "the results of all sweeps",
    "AWS::SNS::Subscription": "that a person has confirmed it",
    "AWS::StepFunctions::StateMachine": "the sweeps that run, and the history of all",
}
"""With a resource of this type, which CloudFormation replaces if its id changes."""

HASH = re.compile(r"[0-9a-f]{64}")
WIDTH = 120


def summary(proof: Proof, variant: str) -> str:
    """Returns the text of one kind of stack; of all but the default one, what differs from that."""
    whole = _sections(proof, variant)
    if variant != "default":
        whole = _differences(_sections(proof, "default"), whole)
    return "".join(f"{line}\n" for name, section in whole.items() for line in _lines({name: section}))


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    changed = {name: value for name, value in after.items() if before.get(name) != value}
    return {
        **dict.fromkeys(before.keys() - after.keys(), "(none)"),
        **{
            name: _differences(before[name], value)
            if isinstance(value, dict) and isinstance(before.get(name), dict)
            else value
            for name, value in changed.items()
        },
    }


def _sections(proof: Proof, variant: str) -> dict[str, Any]:
    subject = proof.with_others(variant)
    template = _named(_plain(subject.template), _assets(subject))
    resources = template["Resources"]
    policies = [resources.pop(name)["Properties"] for name in subject.ids("AWS::IAM::Policy")]
    acknowledged: dict[str, dict[str, list[str]]] = {}
    for path, rule, reason in proof.nag[variant]["acknowledgements"]:
        acknowledged.setdefault(path, {}).setdefault(reason, []).append(rule)
    return {
        "Description": template["Description"],
        "Lost if the id changes": {
            name: LOST[each["Type"]] for name, each in resources.items() if each["Type"] in LOST
        },
        "Outputs": {name: f"{each['Value']}  # {each['Description']}" for name, each in template["Outputs"].items()},
        "States": {
            "": subject.definition["Comment"],
            **{name: state.get("Comment", "") for name, state, _ in subject.states()},
        },
        "Resources": {
            f"{name} {each['Type']}": _properties(name, each.get("Properties", {}), policies)
            for name, each in resources.items()
        },
        "Acknowledged": acknowledged,
    }


def _properties(name: str, properties: Mapping[str, Any], policies: list[dict[str, Any]]) -> dict[str, Any]:
    """Returns a resource's properties, those of a role with what its policies allow."""
    shown = {key: value for key, value in properties.items() if key != "DefinitionString"}  # other checks read it
    if tags := shown.pop("Tags", None):
        pairs = tags.items() if isinstance(tags, dict) else ((tag["Key"], tag["Value"]) for tag in tags)
        shown["Tags"] = dict(pairs)
    for key in ("AssumeRolePolicyDocument", "PolicyDocument"):
        if key in shown:
            shown[key] = [_statement(each) for each in shown[key]["Statement"]]
    own = [each["PolicyDocument"]["Statement"] for each in policies if f"${{{name}}}" in each["Roles"]]
    if own:
        shown["Policies"] = [
            *shown.get("Policies", []),
            *(_statement(each) for statements in own for each in statements),
        ]
    return shown


def _statement(statement: Mapping[str, Any]) -> str:
    """Returns a statement of a policy in one line, such as `Allow s3:GetObject on ${Bucket.Arn}/trials/*`."""
    texts = [f"{statement['Effect']} {_words(statement['Action'])}"]
    if "Resource" in statement:
        texts.append(f"on {_words(statement['Resource'])}")
    who = statement.get("Principal", {})
    texts += [f"by {who}"] if isinstance(who, str) else [f"by {kind} {_words(named)}" for kind, named in who.items()]
    if "Condition" in statement:
        texts.append(f"if {json.dumps(statement['Condition'], sort_keys=True)}")
    return " ".join(texts)


def _words(value: str | list[str]) -> str:
    return value if isinstance(value, str) else ", ".join(value)


def _plain(value: Any) -> Any:
    """Returns a value of a template with CloudFormation's functions in words, such as `${Bucket.Arn}`."""
    match value:
        case {"Ref": name, **rest} if not rest:
            return f"${{{name}}}"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"${{{name}.{attribute}}}"
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(str(_plain(part)) for part in parts)
        case {"Fn::Select": [index, {"Fn::Split": [separator, text]}]}:
            return f"${{{_plain(text)} split at {separator}, {index}}}"
        case {"Fn::Select": [index, {"Fn::GetAZs": _}]}:
            return f"${{zone {index}}}"
        case {"Fn::Sub": str(text)} | {"Fn::Base64": str(text)}:
            return text
        case dict():
            return {name: _plain(item) for name, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case _:
            return value


def _assets(subject: Subject) -> dict[str, str]:
    """Returns the name of each asset by its digest, which changes with the code."""
    listed = json.loads(next(subject.assembly.glob("*.assets.json")).read_bytes())
    assets = {**listed["files"], **listed.get("dockerImages", {})}
    return {digest: f"<{asset['displayName']}>" for digest, asset in assets.items()}


def _named(template: Any, names: Mapping[str, str]) -> Any:
    return json.loads(HASH.sub(lambda found: names.get(found[0], found[0]), json.dumps(template)))


def _lines(value: Any) -> Iterator[str]:
    """Yields the lines of a value; what fits takes one."""
    if isinstance(value, str) or not isinstance(value, (dict, list)):
        yield from str(value).splitlines() or [""]
        return
    items = sorted(value.items()) if isinstance(value, dict) else [("-", each) for each in value]
    for name, item in items:
        label = name if name == "-" else f"{name}:"
        inline = f"{label} {item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)}".rstrip()
        if "\n" not in inline and (len(inline) <= WIDTH - 8 or not isinstance(item, (dict, list))):
            yield inline
        else:
            yield label
            yield from (f"  {line}".rstrip() for line in _lines(item))


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="stepsweep-proof-") as folder:
        proof = Proof(Path(folder))
        for variant in VARIANTS:
            (FOLDER / f"{variant}.txt").write_text(summary(proof, variant))


if __name__ == "__main__":
    main()

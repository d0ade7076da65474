"""Deploys a cloud assembly into the embedded cloud, as the CDK CLI deploys one into an account."""

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

EMPTY_ZIP = b"PK\x05\x06" + bytes(18)


def deploy(client: Callable[[str], Any], region: str, assembly: Path, stack: str) -> None:
    """Deploys like `sweep deploy`: uploads the assets to CDK's bucket, then creates the stack from the template.

    Args:
        client: creates the client of a service.
    """
    account = client("sts").get_caller_identity()["Account"]
    s3 = client("s3")
    manifest = json.loads((assembly / f"{stack}.assets.json").read_bytes())
    for asset in manifest["files"].values():
        source = assembly / asset["source"].get("path", "")
        if asset["source"].get("executable"):
            # A Lambda layer for another processor; here functions import its packages from site-packages.
            data = EMPTY_ZIP
        else:
            data = zipped(source) if asset["source"]["packaging"] == "zip" else source.read_bytes()
        for destination in asset["destinations"].values():
            names = {"AWS::AccountId": account, "AWS::Region": region}
            bucket, key = (_substituted(destination[name], names) for name in ("bucketName", "objectKey"))
            s3.create_bucket(Bucket=bucket)
            s3.put_object(Bucket=bucket, Key=key, Body=data)
            if source.name == f"{stack}.template.json":
                # The CDK CLI's form of the URL.
                template_url = f"https://s3.{region}.amazonaws.com/{bucket}/{key}"
    # The template's rule about the bootstrap version reads this parameter.
    version = json.loads((assembly / f"{stack}.template.json").read_bytes())["Parameters"]["BootstrapVersion"][
        "Default"
    ]
    client("ssm").put_parameter(Name=version, Value="32", Type="String", Overwrite=True)
    client("cloudformation").create_stack(
        StackName=stack, TemplateURL=template_url, Capabilities=["CAPABILITY_NAMED_IAM"]
    )


def zipped(folder: Path) -> bytes:
    """Returns the folder's files as a ZIP; the same files give the same bytes."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                entry = zipfile.ZipInfo(str(file.relative_to(folder)), date_time=(1980, 1, 1, 0, 0, 0))
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, file.read_bytes())
    return data.getvalue()


def _substituted(text: str, names: Mapping[str, str]) -> str:
    for name, value in names.items():
        text = text.replace(f"${{{name}}}", value)
    return text

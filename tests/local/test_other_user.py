"""Another user of the machine attacks a cloud that is up, with real processes of that user.

Each attack is made on a cloud that answers anybody too: there it must succeed.
"""

import json
import os
import pwd
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.embedded import Cloud, eventually, running_cloud
from tests.support.tiny import SHELL_IMAGE, tiny_app
from tests.support.weak import ANSWERS_ANYBODY

OTHER = "nobody"
pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="only root on Linux can act as another user"
)

ATTACK = r"""
import base64, encodings.idna, io, json, os, sys, urllib.error, urllib.request, zipfile
from pathlib import Path

asked = json.load(sys.stdin)
os.setgroups([])
os.setgid(asked["gid"])
os.setuid(asked["uid"])
url, state, shared, role = asked["url"], asked["state"], asked["shared"], asked["role"]


def send(service, path, document):
    scope = f"Credential=me/20260101/us-east-1/{service}/aws4_request"
    forged = f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0"
    headers = {"Authorization": forged, "Content-Type": "application/json"}
    request = urllib.request.Request(url + path, json.dumps(document).encode(), headers, method="POST")
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


package = io.BytesIO()
with zipfile.ZipFile(package, "w") as archive:
    lines = f"import os\ndef handler(e, c): open({shared + '/function'!r}, 'w').write(str(os.getuid()))"
    archive.writestr("index.py", lines)
function = {
    "FunctionName": "mine", "Runtime": "python3.13", "Handler": "index.handler", "Role": role,
    "Code": {"ZipFile": base64.b64encode(package.getvalue()).decode()},
}
job = {
    "jobName": "mine", "jobQueue": asked["queue"], "jobDefinition": asked["definition"],
    "containerOverrides": {
        "command": [f"echo $LD_PRELOAD $(id -u) > {shared}/job"],
        "environment": [{"name": "LD_PRELOAD", "value": f"{shared}/mine.so"}],
    },
}
statuses = [
    send("lambda", "/2015-03-31/functions", function),
    send("lambda", "/2015-03-31/functions/mine/invocations", {}),
    send("batch", "/v1/submitjob", job),
]

# All that this user can read of the cloud: its files, and what /proc tells of its processes.
read = []
files = [path for path in Path(state).rglob("*")]
files += [each / name for each in Path("/proc").glob("[0-9]*") for name in ("cmdline", "environ", "maps", "mem")]
files += Path("/tmp").glob("stepsweep-*/**/*")
for file in files:
    try:
        if file.is_file():
            with file.open("rb") as opened:
                read.append(opened.read(1_000_000).decode("latin-1"))
    except OSError:
        pass
json.dump({"uid": os.getuid(), "statuses": statuses, "read": read}, sys.stdout)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attacked:
    """What another user's attack came to.

    Attributes:
        read: the text of all files that the user could read.
        ran: what code of the user, running as the person, wrote: by function and job.
    """

    statuses: list[int]
    read: str
    ran: dict[str, str]


def attacked(cloud: Cloud, shared: Path) -> Attacked:
    shared.mkdir(mode=0o777)
    shared.chmod(0o777)
    other = pwd.getpwnam(OTHER)
    definition = cloud.client("batch").describe_job_definitions(status="ACTIVE")["jobDefinitions"][0]
    asked: dict[str, Any] = {
        "uid": other.pw_uid,
        "gid": other.pw_gid,
        "url": cloud.environment["AWS_ENDPOINT_URL"],
        "state": str(cloud.directory),
        "shared": str(shared),
        "role": cloud.outputs["RoleArn"],
        "queue": cloud.outputs["JobQueue"],
        "definition": definition["jobDefinitionArn"],
    }
    # It becomes that user itself, who may not be allowed to start this Python.
    ended = subprocess.run(
        [sys.executable, "-I", "-S", "-c", ATTACK],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        cwd="/",
        env={},
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    answer = json.loads(ended.stdout)
    assert answer["uid"] == other.pw_uid
    if answer["statuses"][-1] == 200:
        eventually(lambda: (shared / "job").exists() and (shared / "job").read_text())
    ran = {file.name: file.read_text().strip() for file in shared.iterdir()}
    return Attacked(statuses=answer["statuses"], read="\n".join(answer["read"]), ran=ran)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter: pytest's own are closed to others."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def waiting_job(cloud: Cloud) -> str:
    """Starts a job that waits; returns the secret key that it has."""
    batch, key = cloud.client("batch"), cloud.directory / "key-of-a-job"
    override = {"command": [f"umask 077; echo $AWS_SECRET_ACCESS_KEY > {key}.new; mv {key}.new {key}; sleep 600"]}
    properties = {
        "image": SHELL_IMAGE,
        "jobRoleArn": cloud.outputs["RoleArn"],
        "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "128"}],
    }
    made = batch.register_job_definition(
        jobDefinitionName="with-role", type="container", containerProperties=properties
    )
    definition = made["jobDefinitionArn"]
    batch.submit_job(
        jobName="waits", jobQueue=cloud.outputs["JobQueue"], jobDefinition=definition, containerOverrides=override
    )
    eventually(key.exists)
    return key.read_text().strip()


def test_another_user_runs_nothing_and_reads_no_key(open_folder: Path) -> None:
    app = tiny_app(open_folder / "app")
    with running_cloud(open_folder / "state", app=str(app), context={}, vcpus=2) as cloud:
        key = waiting_job(cloud)
        attack = attacked(cloud, open_folder / "shared")
        assert attack.statuses == [403, 403, 403]
        assert attack.ran == {}
        assert cloud.client("lambda").list_functions()["Functions"] == []
        assert len(cloud.jobs("")) == 1
        for secret in (key, cloud.environment["AWS_SECRET_ACCESS_KEY"]):
            assert secret
            assert secret not in attack.read
        assert str(cloud.directory) in attack.read, "it does look into /proc"


@pytest.mark.slow
def test_on_a_cloud_that_answers_anybody_the_attack_succeeds(open_folder: Path) -> None:
    app, me = tiny_app(open_folder / "app"), os.getuid()
    with running_cloud(open_folder / "state", first=ANSWERS_ANYBODY, app=str(app), context={}, vcpus=2) as cloud:
        (cloud.directory / "cloud.json").chmod(0o644)
        attack = attacked(cloud, open_folder / "shared")
        assert attack.statuses == [201, 200, 200]
        assert attack.ran == {"function": str(me), "job": f"{open_folder}/shared/mine.so {me}"}
        assert cloud.environment["AWS_SECRET_ACCESS_KEY"] in attack.read

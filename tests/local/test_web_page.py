"""A web page in the person's browser attacks a cloud that is up: a page of another origin, and one whose name is made
to lead to this machine (DNS rebinding). In a real browser.

Each attack is made on a cloud that answers anybody too: there it must succeed.
"""

import http.server
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.browser import HOW, Browser, browser, found
from tests.support.embedded import Cloud, running_cloud
from tests.support.tiny import tiny_app
from tests.support.weak import ANSWERS_ANYBODY

pytestmark = pytest.mark.skipif(found() is None and not os.environ.get("CI"), reason=f"no browser here: {HOW}")

REBOUND = "rebound.example"
KEY = "trials/mine/metrics-e1.csv"

ATTACK = """
const [endpoint, bucket, key, doing, done] = arguments;
const form = new FormData();
form.append("key", key);
form.append("file", new Blob(["epoch,val_loss\\n1,-42\\n"]));
const [path, body] = {forge: [`/${bucket}`, form], reset: ["/moto-api/reset", ""]}[doing];
fetch(endpoint + path, {method: "POST", mode: "no-cors", body}).then(() => done("sent"), error => done(String(error)));
"""
"""What a browser sends for any page, without asking the server first (https://fetch.spec.whatwg.org/#simple-headers)."""


class _Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!DOCTYPE html><title>another page</title>")

    def log_message(self, *_args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def page() -> Iterator[str]:
    """The address of a page of another origin."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile"), f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1") as opened:
        yield opened


def attacked(chromium: Browser, cloud: Cloud, page: str, doing: str) -> dict[str, bytes] | None:
    """Lets a page of another origin attack; returns the objects afterwards, or None if their bucket is gone."""
    s3, bucket = cloud.client("s3"), cloud.outputs["Bucket"]
    chromium.open(page)
    url = cloud.environment["AWS_ENDPOINT_URL"]
    assert chromium.driver.execute_async_script(ATTACK, url, bucket, KEY, doing) == "sent"
    there = bucket in [each["Name"] for each in s3.list_buckets()["Buckets"]]
    return cloud.objects("") if there else None


def rebound(chromium: Browser, cloud: Cloud) -> str:
    """Returns what a page reads whose own name leads to the cloud: for the browser the two have one origin."""
    chromium.open(f"http://{REBOUND}:{urlsplit(cloud.environment['AWS_ENDPOINT_URL']).port}/moto-api/data.json")
    return str(chromium.run("return document.documentElement.innerText"))


def test_a_page_of_another_origin_changes_nothing_and_a_rebound_one_reads_nothing(
    chromium: Browser, tiny_cloud: Cloud, page: str
) -> None:
    before = tiny_cloud.objects("")
    for doing in ("forge", "reset"):
        assert attacked(chromium, tiny_cloud, page, doing) == before
    read = rebound(chromium, tiny_cloud)
    assert "AccessDenied" in read
    assert tiny_cloud.outputs["Bucket"] not in read


@pytest.mark.slow
def test_on_a_cloud_that_answers_anybody_the_attack_succeeds(chromium: Browser, tmp_path: Path, page: str) -> None:
    app = str(tiny_app(tmp_path / "app"))
    with running_cloud(tmp_path / "cloud", first=ANSWERS_ANYBODY, app=app, context={}, vcpus=2) as cloud:
        assert cloud.outputs["Bucket"] in rebound(chromium, cloud)
        assert attacked(chromium, cloud, page, "forge") == {KEY: b"epoch,val_loss\n1,-42\n"}
        assert attacked(chromium, cloud, page, "reset") is None

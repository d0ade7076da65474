"""Batch's API over one queue of jobs in any state, for what a cloud whose jobs truly run shows by chance only."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PAGE = 100


@dataclass(slots=True, kw_only=True)
class Job:
    """A job that runs until somebody terminates it.

    Attributes:
        from_look: how often its status was listed before Batch shows it.
        refusals: how often Batch answers that it cannot end this one.
        ends: whether it has ended as soon as Batch has agreed to end it.
        described: what else Batch says of it.
    """

    sweep: str
    name: str = "trial"
    status: str = "RUNNING"
    from_look: int = 0
    reason: str = ""
    refusals: int = 0
    ends: bool = True
    described: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Queue:
    jobs: dict[str, Job]
    looks: dict[str, int] = field(default_factory=dict)
    requests: int = 0

    def answer(self, path: str, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        match path:
            case "/v1/listjobs" if "filters" in asked:
                names = asked["filters"][0]["values"]
                page = [
                    {"jobId": job_id, "jobName": job.name} for job_id, job in self.jobs.items() if job.name in names
                ]
                return 200, {"jobSummaryList": page}
            case "/v1/listjobs":
                return 200, self._list(asked["jobStatus"], int(asked.get("nextToken", 0)))
            case "/v1/describejobs" if len(asked["jobs"]) > 100:
                return 400, {"message": "jobs: at most 100"}
            case "/v1/describejobs":
                return 200, {"jobs": [self._described(job_id) for job_id in asked["jobs"]]}
            case "/v1/terminatejobs" if len(asked["jobs"]) > 50:
                return 400, {"message": "jobs: at most 50"}
            case "/v1/terminatejobs":
                self.requests += 1
                refused = {name for name in asked["jobs"] if self.jobs[name].refusals > 0}
                for job_id in asked["jobs"]:
                    self._terminate(self.jobs[job_id], asked["reason"])
                wrong = [{"job": name, "code": "ServerException", "message": "again"} for name in refused]
                return 200, {"successful": [name for name in asked["jobs"] if name not in refused], "errors": wrong}
            case _:
                return 404, {"message": path}

    def _terminate(self, job: Job, reason: str) -> None:
        if job.refusals > 0:
            job.refusals -= 1
        elif job.ends:
            job.status, job.reason = "FAILED", reason

    def _list(self, status: str, first: int) -> dict[str, Any]:
        look = self.looks.get(status, 0)
        found = [name for name, job in self.jobs.items() if job.status == status and job.from_look <= look]
        is_last = first + PAGE >= len(found)
        if is_last:
            self.looks[status] = look + 1
        page = [{"jobId": name, "jobName": self.jobs[name].name} for name in found[first : first + PAGE]]
        return {"jobSummaryList": page, **({} if is_last else {"nextToken": str(first + PAGE)})}

    def _described(self, job_id: str) -> dict[str, Any]:
        job = self.jobs[job_id]
        named = {"jobId": job_id, "jobName": job.name, "jobQueue": "queue", "jobDefinition": "job", "startedAt": 1}
        reason = {"statusReason": job.reason} if job.reason else {}
        return {**named, "status": job.status, "tags": {"sweep": job.sweep}, **reason, **job.described}


@contextmanager
def served(queue: Queue) -> Iterator[str]:
    """Serves a queue at the URL that it yields."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                status, answer = queue.answer(self.path, asked)
            body = json.dumps(answer).encode()
            self.send_response(status)
            if status != 200:
                self.send_header("x-amzn-errortype", "ClientException")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)

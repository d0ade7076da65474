"""Step Functions' Distributed Map, where moto differs from AWS."""

import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.state.exec.state_map.item_reader.item_reader_decl import ItemReader
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.distributed_iteration_component import (
    DistributedIterationComponent,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.itemprocessor import (
    distributed_item_processor_worker as map_worker,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.job import JobPool
from moto.stepfunctions.parser.asl.component.state.exec.state_map.result_writer.resource_eval import (
    resource_eval_s3 as writer,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.result_writer.result_writer_decl import ResultWriter
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.program_state import ProgramEnded, ProgramError, ProgramState
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser

from stepsweep.local.access import Access
from stepsweep.local.patches.patching import patch
from stepsweep.local.patches.stepfunctions_tasks import failing_with, fitted


def parse_with_decimals(original: Callable[[str], Any], definition: str) -> Any:
    """Parses a definition; see `percentages_can_be_whole`."""
    return original(re.sub(r'("ToleratedFailurePercentage"\s*:\s*\d+)(?=\s*[,}])', r"\1.0", definition))


def percentages_can_be_whole() -> None:
    """AWS accepts a whole number for ToleratedFailurePercentage. moto's grammar requires a decimal point."""
    patch(AmazonStateLanguageParser, "parse", parse_with_decimals, with_original=True)


def maps_start_only_the_workers_they_need(access: Access) -> None:
    """AWS starts no more children than a Map has items, with the role's permission to start them. moto starts
    MaxConcurrency threads, however few the items, and checks no permission."""

    def map_run(self: DistributedIterationComponent, env: Any, eval_input: Any) -> None:
        items = env.stack.pop()
        machine = env.states.context_object.context_object_data["StateMachine"]["Id"]
        access.check(env.aws_execution_details.role_arn, "states:StartExecution", machine)
        pool = JobPool(job_program=self._get_iteration_program(), job_inputs=items)
        pool.children = []
        workers = min(eval_input.map_run_record.max_concurrency or len(items), len(items))
        for _ in range(workers):
            self._launch_worker(env=env, eval_input=eval_input, job_pool=pool)
        pool.await_jobs()
        if (failure := pool.get_worker_exception()) is not None:
            raise failure
        closed = sorted(pool._closed_jobs, key=lambda job: job.job_index)
        env.stack.append(_Results([job.job_output for job in closed], pool.children))

    patch(DistributedIterationComponent, "_map_run", map_run)


def workers_go_from_item_to_item() -> None:
    """AWS runs any number of items, and counts those that a stopped execution leaves as aborted. moto takes the next
    item by recursion, so a thousand items end in RecursionError, and counts the items left as failed."""

    def eval_pool(self: Any, job: Any, worker_frame: Any) -> None:
        while job is not None:
            frame, started = worker_frame.open_inner_frame(), datetime.now(UTC)
            self._eval_job(env=frame, job=job)
            child = _Child(job.job_input, job.job_output, frame.program_state(), started)
            self._job_pool.children.append(child)
            worker_frame.delete_frame(frame)
            running = worker_frame.is_running() and not self.stopped()
            following = self._job_pool.next_job() if running else None
            if following is None:
                self._env.delete_frame(worker_frame)
            self._job_pool.close_job(job)
            if not running:
                self._job_pool._termination_event.set()
            job = following

    patch(map_worker.DistributedItemProcessorWorker, "_eval_pool", eval_pool)


def write_results(self: ResultWriter, env: Any) -> None:
    """Writes the results; see `result_writers_read_the_input`."""
    results = env.stack.pop()
    depth = len(env.stack)
    env.stack.append(env.states.get_input())
    self.parargs.eval(env=env)
    parameters = env.stack.pop()
    del env.stack[depth:]
    env.stack.extend([results, parameters])
    self.resource_eval.eval_resource(env=env)


def result_writers_read_the_input() -> None:
    """AWS reads the paths in a ResultWriter's parameters from the state's input. moto reads them from the results."""
    patch(ResultWriter, "_eval_body", write_results)


def maps_fail_with_named_errors() -> None:
    """On AWS a Map that cannot read its items fails with States.ItemReaderFailed, and one that cannot write its results
    with States.ResultWriterFailed. In moto both fail with States.Runtime, which no Retry and no Catch can name."""
    patch(ItemReader, "_eval_body", failing_with(StatesErrorNameType.StatesItemReaderFailed), with_original=True)
    patch(
        ResultWriter,
        "_eval_body",
        failing_with(StatesErrorNameType.StatesResultWriterFailed),
        with_original=True,
        on_top_of=write_results,
    )


class _Results(list[Any]):
    """The outputs of a Map's children, in the order of its items.

    Attributes:
        children: in the order in which they ended.
    """

    def __init__(self, outputs: list[Any], children: list["_Child"]) -> None:
        super().__init__(outputs)
        self.children = children


@dataclass(slots=True)
class _Child:
    """An execution that a Map started and that has ended."""

    given: Any
    output: Any
    state: ProgramState
    started: datetime
    ended: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def status(self) -> str:
        return "SUCCEEDED" if isinstance(self.state, ProgramEnded) else "FAILED"

    def described(self, machine: str) -> dict[str, Any]:
        """Returns its entry in a result file, where inputs and outputs are JSON in strings."""
        name = str(uuid.uuid4())
        described = {
            "ExecutionArn": f"{machine.replace(':stateMachine:', ':execution:')}:{name}",
            "Input": json.dumps(self.given, separators=(",", ":")),
            "InputDetails": {"Included": True},
            "Name": name,
            "StartDate": fitted(self.started, None, to_sfn=True),
            "StateMachineArn": machine,
            "Status": self.status,
            "StopDate": fitted(self.ended, None, to_sfn=True),
        }
        if self.status == "SUCCEEDED":
            return {
                **described,
                "Output": json.dumps(self.output, separators=(",", ":")),
                "OutputDetails": {"Included": True},
            }
        error = (self.state.error if isinstance(self.state, ProgramError) else None) or {}
        return {**described, "Error": error.get("error", ""), "Cause": error.get("cause", "")}


def results_are_in_files() -> None:
    """AWS writes the inputs and outputs of a Map's children to files, and a manifest that names the files. moto's
    manifest names no files.

    https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html
    """

    def put_results(env: Environment, resource_runtime_part: Any, state_credentials: Any) -> None:
        parameters, results = env.stack.pop(), env.stack.pop()
        client = writer.ResourceEvalS3._get_s3_client(resource_runtime_part, state_credentials)
        bucket, run = parameters["Bucket"], env.map_run_record_pool_manager.get_all()[-1]
        prefix = "/".join(filter(None, (parameters["Prefix"].removesuffix("/"), run.map_run_arn.rpartition(":")[2])))
        files: dict[str, list[dict[str, Any]]] = {"FAILED": [], "PENDING": [], "SUCCEEDED": []}

        def put(name: str, document: Any) -> dict[str, Any]:
            body = json.dumps(document, separators=(",", ":")).encode()
            client.put_object(Bucket=bucket, Key=f"{prefix}/{name}", Body=body)
            return {"Key": f"{prefix}/{name}", "Size": len(body)}

        for status, named in files.items():
            if children := [child for child in results.children if child.status == status]:
                described = [child.described(run.map_state_machine_arn) for child in children]
                named.append(put(f"{status}_0.json", described))
        manifest = put(
            "manifest.json", {"DestinationBucket": bucket, "MapRunArn": run.map_run_arn, "ResultFiles": files}
        )
        details = {"Bucket": bucket, "Key": manifest["Key"]}
        env.stack.append({"MapRunArn": run.map_run_arn, "ResultWriterDetails": details})

    patch(writer.ResourceEvalS3, "_handle_put_object", put_results)

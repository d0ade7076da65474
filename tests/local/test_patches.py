"""Each patch: what plain moto does without it, and what the embedded cloud does instead.

A test that fails with a new version of moto shows that its patch can go, or has to change. What is asked is in probes/.
"""

import ast
import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from stepsweep.local.patches.patching import WRITTEN_FOR, PatchError, add, patch
from tests.support.embedded import REPOSITORY
from tests.support.tiny import tiny_app
from tests.support.worlds import Worlds

TESTED: set[str] = set()

Test = TypeVar("Test", bound=Callable[..., None])


def patched(name: str) -> Callable[[Test], Test]:
    """Names the patch that a test is for, as `patches.install` calls it."""
    TESTED.add(name)
    return lambda test: test


def test_the_patches_are_for_the_moto_that_is_installed() -> None:
    assert importlib.metadata.version("moto") == WRITTEN_FOR
    extras = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert f"moto[server]=={WRITTEN_FOR}" in extras["local"]


def test_every_patch_has_a_test() -> None:
    source = (REPOSITORY / "src" / "stepsweep" / "local" / "patches" / "__init__.py").read_text()
    (install,) = (
        node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef) and node.name == "install"
    )
    calls = (node.func for node in ast.walk(install) if isinstance(node, ast.Call))
    called = {function.attr for function in calls if isinstance(function, ast.Attribute)}
    assert called - {"Clients"} == TESTED


# --- how a patch is applied -------------------------------------------------------------------------------------------


class Moto:
    """Stands for a class of moto."""

    @staticmethod
    def double(number: int) -> int:
        return 2 * number

    @classmethod
    def title(cls) -> str:
        return cls.__name__


def plus_one(original: Callable[[int], int], number: int) -> int:
    return original(number) + 1


def times_ten(original: Callable[[int], int], number: int) -> int:
    return original(number) * 10


@pytest.fixture
def moto() -> type[Moto]:
    """A class that no other test has patched."""
    return type("Moto", (Moto,), dict(vars(Moto)))


def test_a_patch_calls_what_it_replaces(moto: type[Moto]) -> None:
    patch(moto, "double", plus_one, with_original=True)
    assert moto.double(3) == moto().double(3) == 7


def test_a_class_method_stays_one(moto: type[Moto]) -> None:
    patch(moto, "title", lambda cls: f"patched {cls.__name__}")
    service: type[Moto] = type("Service", (moto,), {})
    assert service.title() == "patched Service"


def test_a_patch_of_an_inherited_method_leaves_the_parent_alone(moto: type[Moto]) -> None:
    service: type[Moto] = type("Service", (moto,), {})
    patch(service, "title", lambda cls: f"patched {cls.__name__}")
    assert (service.title(), moto.title()) == ("patched Service", "Moto")


def test_a_missing_target_is_named_with_the_versions(moto: type[Moto]) -> None:
    with pytest.raises(PatchError) as raised:
        patch(moto, "triple", plus_one)
    said, _, why = str(raised.value).partition("Moto.triple does not exist in moto ")
    assert said.startswith(f"{__name__}.")
    assert why == (
        f"{importlib.metadata.version('moto')}; the embedded cloud was written for moto {WRITTEN_FOR}, so install that "
        "version"
    )


def test_a_cloud_does_not_start_in_a_moto_that_lacks_a_target(tmp_path: Path) -> None:
    start = f"""
from pathlib import Path
from moto.awslambda.models import LambdaBackend
del LambdaBackend.invoke
from stepsweep.local.cloud import embedded_cloud
embedded_cloud(Path("cloud"), app=Path({str(tiny_app(tmp_path / "app"))!r}), vcpus=1).__enter__()
"""
    process = subprocess.run(
        [sys.executable, "-c", start], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    assert process.returncode == 1
    error = process.stderr.splitlines()[-1]
    assert "PatchError: moto.awslambda.models.LambdaBackend.invoke does not exist" in error


def test_a_missing_target_of_a_module_is_named() -> None:
    with pytest.raises(PatchError, match=r"^importlib\.metadata\.gone does not exist"):
        patch(importlib.metadata, "gone", plus_one)


SECOND = (
    r"Moto\.double is patched already, with <function plus_one .*>; on_top_of has to name the patch that comes first$"
)


def test_a_second_patch_must_name_the_first(moto: type[Moto]) -> None:
    patch(moto, "double", plus_one, with_original=True)
    with pytest.raises(PatchError, match=SECOND):
        patch(moto, "double", times_ten, with_original=True)
    assert moto.double(3) == 7

    patch(moto, "double", times_ten, with_original=True, on_top_of=plus_one)
    assert moto.double(3) == 70


def test_a_patch_on_top_of_one_that_is_not_applied_is_refused(moto: type[Moto]) -> None:
    with pytest.raises(
        PatchError, match=r"Moto\.double is not patched yet; on_top_of has to name the patch that comes first$"
    ):
        patch(moto, "double", times_ten, with_original=True, on_top_of=plus_one)
    assert moto.double(3) == 6


def test_what_moto_has_now_is_not_added(moto: type[Moto]) -> None:
    with pytest.raises(PatchError, match=r"Moto\.double exists already, so the embedded cloud must not add it$"):
        add(moto, "double", plus_one)
    assert moto.double(3) == 6

    add(moto, "half", lambda _self: 0.5)
    assert moto().half() == 0.5  # type: ignore[attr-defined]


# --- CloudFormation ---------------------------------------------------------------------------------------------------


@patched("compute_environments_from_templates")
def test_a_compute_environment_is_made_as_cdk_writes_it(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("compute_environments")
    assert "500 Internal Server Error" in plain["as CDK writes it"]
    assert "type managed must be one of" in plain["with a service role"]
    assert plain["with its type in capitals"] == {}, "the stack is there, and its output ComputeEnvironmentArn is not"
    assert "Instance type g99.large does not exist" in plain["on a new type of machine"]
    for made in embedded.values():
        assert ":compute-environment/" in made["Arn"]


@patched("job_queues_from_templates")
def test_a_template_can_refer_to_the_arn_of_a_queue(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("queue_attribute")
    assert plain == {}
    assert ":job-queue/" in embedded["Arn"]


def refusal_of_a_job(said: str) -> str:
    """Returns Batch's own words."""
    start = "ClientException: An error occurred (ClientException) when calling the SubmitJob operation: "
    assert said.startswith(start)
    return said.removeprefix(start)


@patched("job_queues_from_templates")
@patched("scheduling_policies_from_templates")
def test_a_queue_of_a_template_has_its_policy_and_takes_jobs_with_a_share_only(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("queue_with_a_policy")
    assert plain["policies"] == []
    assert plain["of the queue"] is None
    assert plain["without a share"] == plain["without a priority"] == plain["in a queue without a policy"] == "taken"
    assert plain["described"] == [None, None]

    assert embedded["policies"] == [[{"shareIdentifier": "high*", "weightFactor": 0.5}]]
    assert embedded["changed"] == [[{"shareIdentifier": "high*", "weightFactor": 0.25}]]
    assert embedded["of the queue"] == "arn:aws:batch:us-east-1:123456789012:scheduling-policy/fair"
    assert refusal_of_a_job(embedded["without a share"]) == "shareIdentifier must be specified."
    assert refusal_of_a_job(embedded["without a priority"]) == (
        "Either schedulingPriority in job definition or schedulingPriorityOverride should be specified."
    )
    without = "shareIdentifier: the job queue has no fair-share policy"
    assert refusal_of_a_job(embedded["in a queue without a policy"]) == without
    assert refusal_of_a_job(embedded["with a hyphen"]) == "shareIdentifier: at most 255 letters and digits, got a-b"
    assert embedded["described"] == ["highme", 7]
    assert embedded["after the stack"] == []


@patched("job_definitions_from_templates")
def test_a_template_can_refer_to_the_arn_of_a_job_definition(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("job_definition_attribute")
    assert plain == {}
    arn = r"arn:aws:batch:us-east-1:123456789012:job-definition/probe-\d+-It-[0-9A-F]{12}:1"
    assert re.fullmatch(arn, embedded["Arn"])


@patched("job_definitions_from_templates")
def test_a_job_definition_needs_no_retry_strategy(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("job_definition_without_retries")
    assert "500 Internal Server Error" in plain
    assert embedded == {}


@patched("job_definitions_from_templates")
def test_a_job_definition_has_all_parts_of_its_template(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("job_definition_parts")
    assert "timeout" not in plain
    assert "propagateTags" not in plain
    assert "platformCapabilities" not in plain
    assert plain["tags"] == {"owner": "me"}

    assert embedded["timeout"] == {"attemptDurationSeconds": 60}
    assert embedded["propagateTags"] is True
    assert embedded["platformCapabilities"] == ["EC2"]
    assert embedded["tags"] == {"Owner": "me"}
    assert embedded["jobDefinitionName"] == "parts"
    assert embedded["retryStrategy"] == {"attempts": 2, "evaluateOnExit": [{"action": "exit", "onReason": "*"}]}
    assert embedded["containerProperties"]["logConfiguration"] == {
        "logDriver": "awslogs",
        "options": {"awslogs-group": "jobs"},
    }


@patched("job_definitions_from_templates")
@patched("updates_reach_dependents")
def test_a_changed_job_definition_is_a_new_revision_for_all_who_name_it(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("changed_job_definition")
    assert plain["made"] == embedded["made"] == {"revisions": {"1": "ACTIVE"}, "named": "1"}
    assert plain["earlier kept"] == plain["made"]
    assert embedded["earlier kept"] == {"revisions": {"1": "ACTIVE", "2": "ACTIVE"}, "named": "2"}
    revisions = {"1": "ACTIVE", "2": "INACTIVE", "3": "ACTIVE"}
    assert embedded["earlier not kept"] == {"revisions": revisions, "named": "3"}


@patched("unknown_updates_are_refused")
def test_a_change_that_moto_does_not_know_is_refused_and_not_forgotten(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("unknown_change")
    assert plain == {"days": [7], "refused": False}
    assert embedded == {"days": [7], "refused": True}


@patched("stacks_delete_dependents_first")
@patched("networks_are_deleted_with_their_stack")
def test_a_network_goes_with_its_stack(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("deleted_network")
    assert "DependencyViolation" in plain
    assert embedded == []


@patched("change_sets_leave_outputs")
def test_a_stack_that_a_change_set_made_has_outputs(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("outputs_of_a_change_set")
    assert plain == []
    assert embedded == ["Name"]


@patched("change_sets_can_be_missing")
@patched("parameters_from_ssm_keep_their_value")
def test_a_second_change_set_of_the_same_name(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("second_change_set")
    assert "500" in plain["delete what is gone"]
    assert "ValidationError" in plain["describe what is gone"]
    assert "500" in plain["second"], "the value of a parameter is taken for its name"
    assert embedded == {
        "delete what is gone": "deleted",
        "describe what is gone": "ChangeSetNotFoundException: An error occurred (ChangeSetNotFound) when calling the "
        "DescribeChangeSet operation: ChangeSet [a-deploy] does not exist",
        "second": ["/two/"],
    }


@patched("generated_names_are_stable")
def test_a_name_that_cloudformation_chooses_is_the_same_the_next_time(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("names")
    assert plain[0] != plain[1]
    assert embedded[0] == embedded[1]


@patched("json_templates_skip_yaml")
def test_a_template_in_json_is_read_as_json(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("readers_of_yaml_for_a_template_in_json")
    assert (plain[0] > 0, plain[1]) == (True, "1")
    assert embedded == [0, "1", *plain[2:]]


@patched("no_machine_images")
def test_no_images_of_machines_are_made(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("images_of_machines")
    assert plain > 1_000
    assert embedded == 0


@patched("state_machines_of_stacks_execute")
def test_a_state_machine_of_a_stack_executes(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("stack_state_machine")
    assert "StateMachineDoesNotExist" in plain
    assert embedded == '{"it": "ran"}'


@patched("custom_resources_empty_buckets")
def test_a_custom_resource_empties_its_bucket_without_its_function(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("custom_resource")
    assert plain["status"] == "CREATE_IN_PROGRESS", "its function is run in Docker, and its answer is waited for"
    assert plain["bucket after the stack"]
    assert (embedded["status"], embedded["bucket after the stack"]) == ("CREATE_COMPLETE", False)
    assert "(AccessDenied)" in embedded["late"], "what still runs must not fill a bucket that was emptied"
    assert embedded["anew"] == plain["late"]


# --- Batch and Lambda -------------------------------------------------------------------------------------------------


@patched("jobs_run")
def test_a_job_truly_runs(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("job_that_exits_3")
    assert plain == {
        "with Docker": {"status": "FAILED", "exit code": None, "attempts": 1},
        "simple": {"status": "SUCCEEDED", "exit code": None, "attempts": 1},
    }
    assert embedded == {"with Docker": {"status": "FAILED", "exit code": 3, "attempts": 1}}


@patched("jobs_run")
def test_a_job_is_tried_again_as_its_definition_says(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("attempts_of_a_job_that_fails")
    assert plain == {"status": "FAILED", "attempts": 1}
    assert embedded == {"status": "FAILED", "attempts": 3}


@patched("jobs_run")
def test_a_description_of_a_job_does_not_grow_when_it_is_asked_for(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("environment_of_a_job_described_thrice")
    assert plain[0] < plain[1] < plain[2]
    assert embedded == [2, 2, 2]


@patched("jobs_run")
def test_jobs_can_be_described_while_others_are_submitted(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("jobs_described_while_one_is_added")
    assert "dictionary changed size during iteration" in plain
    assert embedded == 1


@patched("jobs_run")
def test_jobs_are_listed_by_the_time_of_their_submission(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("jobs_listed_by_time")
    assert plain > 0
    assert embedded == 0


@patched("functions_run")
def test_a_function_truly_runs(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("answer_of_a_function")
    assert plain["with Docker"] != 42
    assert plain["simple"] == {"number": 21}, "an echo"
    assert embedded == {"with Docker": 42}


@patched("layers_in_templates_are_arns")
def test_a_layer_in_a_template_is_an_arn(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("layer_of_a_template")
    arn = re.compile(r"arn:aws:lambda:us-east-1:\d{12}:layer:.*:1")
    assert (arn.fullmatch(str(plain)), bool(arn.fullmatch(embedded))) == (None, True)


@pytest.mark.skipif(sys.platform != "linux", reason="the probe limits the size of files as Linux does")
@patched("functions_run")
def test_a_function_on_a_full_disk_fails_with_lambdas_own_error(worlds: Worlds) -> None:
    _, embedded = worlds.ask("function_on_a_full_disk")
    assert embedded == "Lambda.ServiceException"


# --- Step Functions ---------------------------------------------------------------------------------------------------


@patched("executions_end_with_their_output")
def test_an_execution_has_its_output_or_its_error_as_soon_as_it_has_ended(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("executions_as_they_end")
    assert plain == [["null", None], [None, None]]
    assert embedded == [['{"lr":0.1}', None], [None, "TooHigh"]]


@patched("executions_have_names")
def test_an_execution_without_a_name_gets_one(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("execution_without_a_name")
    assert plain == "None"
    assert re.fullmatch(r"[0-9a-f-]{36}", embedded)


@patched("executions_have_names")
def test_a_name_that_aws_refuses_is_refused(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("execution_with_a_wrong_name")
    assert plain is True
    assert embedded == (
        "InvalidName: An error occurred (InvalidName) when calling the StartExecution operation: "
        "Invalid Name: 'a name: <1>'"
    )


@patched("tasks_rename_members")
def test_a_task_gives_its_parameters_to_batch(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("batch_task")
    assert plain["status"] == "FAILED"
    assert "JobName" in plain["cause"]
    assert embedded["status"] == "SUCCEEDED"
    job = embedded["output"]["JobId"]
    arn = f"arn:aws:batch:us-east-1:123456789012:job/{job}"
    assert embedded["output"] == {"JobArn": arn, "JobId": job, "JobName": "task"}


@patched("tasks_rename_members")
def test_a_task_puts_a_structure_into_the_bucket_as_json(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("put_object_task")
    assert (plain["status"], plain["body"]) == ("FAILED", "")
    assert (embedded["status"], embedded["body"]) == ("SUCCEEDED", '{"lr":0.1,"text":"\\u00fc"}')


@patched("tasks_rename_members")
def test_names_in_a_tasks_answer_have_a_capital(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("sdk_task_answer")
    assert plain == ["jobQueues"]
    assert embedded == ["JobQueues"]


@patched("batch_tasks_name_shares")
def test_a_task_names_the_share_of_its_job(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("batch_task_with_a_share")
    assert "shareIdentifier" not in json.dumps(plain)
    assert (embedded["status"], embedded["error"]) == ("FAILED", "Batch.ClientException")
    assert re.fullmatch(
        r"Error executing request, Exception : shareIdentifier: the job queue has no fair-share policy, RequestId: "
        r"(\w+) \(Service: AWSBatch; Status Code: 400; Error Code: ClientException; Request ID: \1; Proxy: null\)",
        embedded["cause"],
    )


@patched("tasks_rename_members")
def test_times_in_a_tasks_answer_are_texts(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("time_in_an_answer")
    assert "500 Internal Server Error" in plain
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", embedded)


@patched("tasks_fail_with_named_errors")
def test_a_task_without_an_answer_fails_as_the_sdk_does(worlds: Worlds) -> None:
    assert worlds.ask("task_without_an_answer") == ("States.Runtime", "S3.SdkClientException")


@patched("tasks_fail_with_named_errors")
def test_a_refused_task_has_the_services_error_though_the_answer_names_no_request(worlds: Worlds) -> None:
    assert worlds.ask("task_refused_without_a_request_id") == ("States.Runtime", "S3.NoSuchBucketException")


@patched("maps_fail_with_named_errors")
@patched("parallels_fail_with_the_error_of_their_branch")
def test_what_a_map_cannot_read_or_write_has_a_name(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("map_of_a_bucket_that_is_not_there")
    assert plain == ["States.Runtime"] * 3
    assert embedded == ["States.ItemReaderFailed", "States.ResultWriterFailed", "States.ItemReaderFailed"]


@patched("tasks_sign_with_their_role")
def test_tasks_share_their_clients(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("clients_of_ten_tasks")
    assert plain == 10
    assert embedded <= 2, "the task's, and the one that knows its parameters"


@patched("sync_tasks_wait_for_their_job")
def test_a_sync_task_waits_for_its_job_and_terminates_it_when_the_execution_is_stopped(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("sync_task_that_is_stopped")
    assert plain == {"asks again and again": True, "terminated": []}
    assert embedded == {"asks again and again": False, "terminated": [True]}


@patched("sync_tasks_wait_for_their_job")
def test_a_sync_task_is_told_of_its_job_and_does_not_ask(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("description_of_a_sync_tasks_job")
    assert plain != embedded
    assert embedded == {"asked": 0, "same": True}


@patched("percentages_can_be_whole")
def test_a_whole_number_is_a_percentage(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("whole_percentage")
    assert "ToleratedFailurePercentage" in plain
    assert embedded is True


@patched("maps_start_only_the_workers_they_need")
def test_a_map_starts_no_more_workers_than_it_has_items(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("threads_for_two_items")
    assert plain >= 200
    assert embedded < 20


@patched("workers_go_from_item_to_item")
def test_a_worker_goes_from_item_to_item_without_recursion(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("many_items_for_one_worker")
    assert plain == {"failures": ["RecursionError"], "all": False}
    assert embedded == {"failures": [], "all": True}


@patched("workers_go_from_item_to_item")
def test_items_that_a_stopped_execution_leaves_have_not_failed(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("stopped_map")
    assert plain["failed"] == 49
    assert embedded["failed"] == 0
    assert embedded["aborted"] == 1
    assert embedded["threads"] == 0


@patched("result_writers_read_the_input")
def test_the_paths_of_a_result_writer_are_read_from_the_input_of_the_state(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("result_writer")
    assert plain == {"status": "FAILED", "files": 0}
    assert embedded == {"status": "SUCCEEDED", "files": 2}


@patched("results_are_in_files")
def test_a_maps_results_are_in_files_that_its_manifest_names(worlds: Worlds) -> None:
    """The shape is that of https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html."""
    plain, embedded = worlds.ask("files_of_a_maps_results")
    assert plain["files"] == {"FAILED": [], "PENDING": [], "SUCCEEDED": []}
    assert plain["result"] == embedded["result"] == ["MapRunArn", "ResultWriterDetails"]
    assert re.fullmatch(r"files/of/[0-9a-f-]{36}/manifest\.json", embedded["manifest"])
    assert embedded["files"] == {"FAILED": ["FAILED_0.json"], "PENDING": [], "SUCCEEDED": ["SUCCEEDED_0.json"]}
    assert embedded["sizes are right"]

    failed, succeeded = embedded["children"]
    for child in (failed, succeeded):
        assert child.pop("StartDate") <= child.pop("StopDate")
        machine, name = child["StateMachineArn"], child["Name"]
        assert re.fullmatch(r"arn:aws:states:us-east-1:123456789012:stateMachine:machine-\d+/Trials", machine)
        assert child.pop("ExecutionArn") == f"{machine.replace(':stateMachine:', ':execution:')}:{name}"
    of_both = {"StateMachineArn": machine, "InputDetails": {"Included": True}}
    assert succeeded == {
        **of_both,
        "Name": succeeded["Name"],
        "Status": "SUCCEEDED",
        "Input": "1",
        "Output": '{"text":"\\u00fc"}',
        "OutputDetails": {"Included": True},
    }
    named = {"Name": failed["Name"], "Status": "FAILED", "Input": "2", "Error": "Two", "Cause": "is not one"}
    assert failed == {**of_both, **named}


@patched("no_histories_of_children")
def test_the_events_of_a_maps_children_are_not_kept(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("events_of_a_maps_children")
    assert plain >= 100
    assert embedded == 0


@patched("states_are_copied_as_json")
def test_a_state_is_copied_as_json_and_no_copy_changes_another(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("deep_copies_of_an_execution")
    assert plain[0] > 500
    assert embedded[0] < 50
    many = [{"n": n} for n in range(50)]
    assert embedded[1] == plain[1] == {"all": many, "copy": many, "n": 7}


@patched("paths_are_parsed_once")
def test_a_path_is_parsed_once(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("parsers_for_ten_paths")
    assert plain >= 30
    assert embedded == 3


@patched("definitions_are_parsed_once")
def test_a_definition_is_parsed_once_however_often_it_is_executed(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("parsers_of_a_definition_that_is_executed_twice")
    assert plain == [3, "1", "2"]
    assert embedded == [1, "1", "2"]


@patched("definitions_are_parsed_once")
def test_what_is_wrong_with_a_definition_is_said_as_before(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("a_definition_that_is_none")
    assert "ASLParserException" in plain
    assert embedded == plain


# --- the server -------------------------------------------------------------------------------------------------------


@patched("services_are_found_once")
def test_a_service_is_found_without_a_look_at_the_disk(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("folders_listed_for_ten_requests")
    assert plain >= 10
    assert embedded == 0


@patched("actions_are_listed_once")
def test_the_actions_of_a_service_are_listed_once(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("lists_of_methods_for_ten_requests")
    assert plain == 10
    assert embedded <= 1


@patched("request_ids_are_short")
def test_the_id_of_a_request_is_drawn_at_once(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("ids_of_two_requests")
    assert [len(each) for each in plain] == [52, 52]
    assert [len(each) for each in embedded] == [32, 32]
    assert embedded[0] != embedded[1]


@patched("models_are_listed_once")
def test_models_are_read_by_one_reader(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("readers_of_models_for_four_services")
    assert plain == 4
    assert embedded <= 1


@patched("no_cors_and_no_request_log")
def test_a_request_is_neither_logged_nor_answered_for_a_page_of_another_site(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("what_a_request_brings_about")
    assert plain == {"lines of log": 1, "headers for a page": ["Access-Control-Allow-Origin"]}
    assert embedded == {"lines of log": 0, "headers for a page": []}


# --- S3 ---------------------------------------------------------------------------------------------------------------


@patched("objects_are_files")
def test_an_object_is_not_in_memory(worlds: Worlds) -> None:
    """That it is in a file is seen in test_cloud.py."""
    assert worlds.ask("where_an_object_is") == ("memory", "elsewhere")


@pytest.mark.skipif(sys.platform != "linux", reason="the probe limits the size of files as Linux does")
@patched("objects_are_files")
def test_a_put_on_a_full_disk_is_an_error_that_is_tried_again(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("put_on_a_full_disk")
    assert plain == [200, "", 1]
    assert embedded == [500, "InternalError", 0]


@patched("puts_are_atomic")
def test_of_two_conditional_puts_at_the_same_moment_one_fails(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("conditional_puts_at_the_same_moment")
    assert plain == 2 * [{"statuses": [200, 200], "at once": True}]
    assert embedded == 2 * [{"statuses": [200, 412], "at once": False}]


@patched("puts_are_atomic")
def test_puts_of_two_keys_do_not_wait_for_each_other(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("puts_of_two_keys_at_the_same_moment")
    assert embedded == plain == 2 * [{"statuses": [200, 200], "at once": True}]


@patched("gets_are_atomic")
def test_a_get_while_the_object_is_replaced_has_the_length_of_its_own_bytes(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("gets_while_the_object_is_replaced")
    assert embedded == plain == 2 * [[14, "and afterwards"]]


@patched("plain_requests_bypass_flask")
def test_a_whole_object_is_answered_for_without_flask(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("requests_to_flask_for_ten_objects")
    assert plain == 10
    assert embedded == 0


@patched("plain_requests_bypass_flask")
def test_a_missing_object_is_answered_for_without_flask_and_the_same_is_said(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("what_is_said_of_missing_objects")
    assert (plain[0], embedded[0]) == (6, 2), "of a bucket that is missing moto tells"
    assert embedded[1:] == plain[1:]
    assert plain[1:3] == [[404, "NoSuchKey", "The specified key does not exist."], [404, "404", "Not Found"]]


@patched("plain_requests_bypass_flask")
def test_whoever_answers_says_the_same_of_an_object(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("what_is_said_of_an_object")
    assert embedded == plain


@patched("plain_requests_bypass_flask")
def test_a_policy_that_denies_an_object_is_heeded(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("denied_by_a_policy_of_the_bucket")
    assert all("403" in each for each in plain)
    assert embedded == plain


@patched("plain_requests_bypass_flask")
def test_a_plain_put_is_answered_for_without_flask_and_the_same_is_said_of_every_put(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("what_is_said_of_a_put")
    without = [name for name, each in embedded.items() if name != "in no bucket" and each.pop("flask") == 0]
    assert without == ["plain", "with-a-type", "empty", "if-there-is-none"]
    for name, each in plain.items():
        if name != "in no bucket":
            assert each.pop("flask") == 1
            for world in (each, embedded[name]):
                if isinstance(world["put"], dict):
                    world["put"].pop("content-type", None)  # Flask's, of an answer without a body
        assert embedded[name] == each, name
    assert "PreconditionFailed" in plain["if-there-is-none-but-there-is"]["put"]


@patched("listings_are_written_directly")
def test_a_listing_says_the_same_however_it_is_written(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("what_is_said_in_a_listing")
    assert plain[0] >= 10
    assert embedded == [0, *plain[1:]]


# --- what local/signatures.py reads ----------------------------------------------------------------------------------


def test_a_body_is_read_in_one_piece(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("pieces_of_a_body")
    assert plain[0] > 10
    assert plain[1]
    assert embedded == [0, True]


def test_a_body_that_breaks_off_leaves_no_object(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("a_body_that_breaks_off")
    assert plain[0] == "400"
    assert "404" in plain[1]
    assert embedded == plain


# --- what is not loaded, by local/moto_imports.py ---------------------------------------------------------------------


def test_of_offered_machines_only_those_of_the_zones_here_are_known(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("offers_of_a_machine")
    assert plain["availability-zone"] == embedded["availability-zone"] > 100, "a start with --on aws asks for them"
    assert plain["region"] > 100
    assert embedded["region"] == 0


def test_an_api_whose_description_is_to_be_checked_is_refused(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("an_api_whose_description_is_to_be_checked")
    assert plain == "one"
    assert embedded.startswith("ClientError: An error occurred (500)")

"""Each workaround, the gap in plain moto that it is for, and what the embedded cloud does instead.

A test here that fails with a new moto says that a workaround can go, or has to change. The probes are in probes.py.
"""

import ast
import importlib.metadata
import re
import tomllib
from collections.abc import Callable
from typing import TypeVar

from tests.embedded import REPOSITORY
from tests.local.conftest import Worlds

SOURCE = (REPOSITORY / "src" / "stepsweep" / "local" / "moto_workarounds.py").read_text()
TESTED: set[str] = set()

Test = TypeVar("Test", bound=Callable[..., None])


def workaround(name: str) -> Callable[[Test], Test]:
    """Says which function of stepsweep/local/moto_workarounds.py a test is for."""
    TESTED.add(name)
    return lambda test: test


def test_the_workarounds_are_for_the_moto_that_is_installed() -> None:
    said = re.search(r"Written for moto (\d+\.\d+\.\d+),", ast.get_docstring(ast.parse(SOURCE)) or "")
    assert said is not None
    assert said[1] == importlib.metadata.version("moto")
    extras = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert f"moto[server]=={said[1]}" in extras["local"]


def test_every_workaround_has_a_test() -> None:
    (install,) = (
        node for node in ast.parse(SOURCE).body if isinstance(node, ast.FunctionDef) and node.name == "install"
    )
    called = {
        node.func.id for node in ast.walk(install) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert called == TESTED


# --- CloudFormation ---------------------------------------------------------------------------------------------------


@workaround("_batch_resources_from_cloudformation")
def test_a_compute_environment_is_made_as_cdk_writes_it(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("compute_environments")
    assert "500 Internal Server Error" in plain["as CDK writes it"]
    assert "type managed must be one of" in plain["with a service role"]
    assert plain["with its type in capitals"] == {}, "the stack is there, and its output ComputeEnvironmentArn is not"
    assert "Instance type g99.large does not exist" in plain["on a new type of machine"]
    for made in embedded.values():
        assert ":compute-environment/" in made["Arn"]


@workaround("_batch_resources_from_cloudformation")
def test_a_template_can_refer_to_the_arn_of_a_queue(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("queue_attribute")
    assert plain == {}
    assert ":job-queue/" in embedded["Arn"]


@workaround("_batch_resources_from_cloudformation")
def test_a_template_can_refer_to_the_arn_of_a_job_definition(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("job_definition_attribute")
    assert plain == {}
    assert ":job-definition/" in embedded["Arn"]


@workaround("_batch_resources_from_cloudformation")
def test_a_job_definition_needs_no_retry_strategy(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("job_definition_without_retries")
    assert "500 Internal Server Error" in plain
    assert embedded == {}


@workaround("_batch_resources_from_cloudformation")
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


@workaround("_batch_resources_from_cloudformation")
@workaround("_updates_that_reach_what_refers_to_them")
def test_a_changed_job_definition_is_a_new_revision_for_all_who_name_it(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("changed_job_definition")
    assert plain["made"] == embedded["made"] == {"revisions": {"1": "ACTIVE"}, "named": "1"}
    assert plain["earlier kept"] == plain["made"]
    assert embedded["earlier kept"] == {"revisions": {"1": "ACTIVE", "2": "ACTIVE"}, "named": "2"}
    revisions = {"1": "ACTIVE", "2": "INACTIVE", "3": "ACTIVE"}
    assert embedded["earlier not kept"] == {"revisions": revisions, "named": "3"}


@workaround("_updates_that_reach_what_refers_to_them")
def test_a_change_that_moto_does_not_know_is_refused_and_not_forgotten(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("unknown_change")
    assert plain == {"days": [7], "refused": False}
    assert embedded == {"days": [7], "refused": True}


@workaround("_networks_that_go_with_their_stack")
def test_a_network_goes_with_its_stack(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("deleted_network")
    assert "DependencyViolation" in plain
    assert embedded == []


@workaround("_change_sets_as_the_cdk_cli_uses_them")
def test_a_stack_that_a_change_set_made_has_outputs(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("outputs_of_a_change_set")
    assert plain == []
    assert embedded == ["Name"]


@workaround("_change_sets_as_the_cdk_cli_uses_them")
def test_a_second_change_set_of_the_same_name(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("second_change_set")
    assert "500" in plain["delete what is gone"]
    assert "ValidationError" in plain["describe what is gone"]
    assert "500" in plain["second"], "the value of a parameter is taken for its name"
    assert embedded["delete what is gone"] is not None
    assert "500" not in embedded["delete what is gone"]
    assert "ChangeSetNotFound" in embedded["describe what is gone"]
    assert embedded["second"] == ["/two/"]


@workaround("_stable_names")
def test_a_name_that_cloudformation_chooses_is_the_same_the_next_time(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("names")
    assert plain[0] != plain[1]
    assert embedded[0] == embedded[1]


@workaround("_templates_that_are_json")
def test_a_template_in_json_is_read_as_json(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("readers_of_yaml_for_a_template_in_json")
    assert (plain[0] > 0, plain[1]) == (True, "1")
    assert embedded == [0, "1", *plain[2:]]


@workaround("_networks_without_images")
def test_no_images_of_machines_are_made(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("images_of_machines")
    assert plain > 1_000
    assert embedded == 0


@workaround("_state_machines_that_execute")
def test_a_state_machine_of_a_stack_executes(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("stack_state_machine")
    assert "StateMachineDoesNotExist" in plain
    assert embedded == '{"it": "ran"}'


@workaround("_custom_resources_without_their_functions")
def test_a_custom_resource_empties_its_bucket_without_its_function(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("custom_resource")
    assert plain["status"] == "CREATE_IN_PROGRESS", "its function is run in Docker, and its answer is waited for"
    assert plain["bucket after the stack"]
    assert (embedded["status"], embedded["bucket after the stack"]) == ("CREATE_COMPLETE", False)
    assert "(AccessDenied)" in embedded["late"], "what still runs must not fill a bucket that was emptied"
    assert embedded["anew"] == plain["late"]


# --- Batch and Lambda -------------------------------------------------------------------------------------------------


@workaround("_batch_jobs_that_run")
def test_a_job_truly_runs(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("job_that_exits_3")
    assert plain == {
        "with Docker": {"status": "FAILED", "exit code": None, "attempts": 1},
        "simple": {"status": "SUCCEEDED", "exit code": None, "attempts": 1},
    }
    assert embedded == {"with Docker": {"status": "FAILED", "exit code": 3, "attempts": 1}}


@workaround("_batch_jobs_that_run")
def test_a_job_is_tried_again_as_its_definition_says(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("attempts_of_a_job_that_fails")
    assert plain == {"status": "FAILED", "attempts": 1}
    assert embedded == {"status": "FAILED", "attempts": 3}


@workaround("_batch_jobs_that_run")
def test_a_description_of_a_job_does_not_grow_when_it_is_asked_for(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("environment_of_a_job_described_thrice")
    assert plain[0] < plain[1] < plain[2]
    assert embedded == [2, 2, 2]


@workaround("_batch_jobs_that_run")
def test_jobs_can_be_described_while_others_are_submitted(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("jobs_described_while_one_is_added")
    assert "dictionary changed size during iteration" in plain
    assert embedded == 1


@workaround("_functions_that_run")
def test_a_function_truly_runs(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("answer_of_a_function")
    assert plain["with Docker"] != 42
    assert plain["simple"] == {"number": 21}, "an echo"
    assert embedded == {"with Docker": 42}


# --- Step Functions ---------------------------------------------------------------------------------------------------


@workaround("_execution_names")
def test_an_execution_without_a_name_gets_one(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("execution_without_a_name")
    assert plain == "None"
    assert re.fullmatch(r"[0-9a-f-]{36}", embedded)


@workaround("_execution_names")
def test_a_name_that_aws_refuses_is_refused(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("execution_with_a_wrong_name")
    assert plain is True
    assert "Invalid Name: 'a name: <1>'" in embedded


@workaround("_service_integrations")
def test_a_task_gives_its_parameters_to_batch(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("batch_task")
    assert plain["status"] == "FAILED"
    assert "JobName" in plain["cause"]
    assert embedded["status"] == "SUCCEEDED"
    assert set(embedded["output"]) >= {"JobArn", "JobId", "JobName"}


@workaround("_service_integrations")
def test_a_task_puts_a_structure_into_the_bucket_as_json(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("put_object_task")
    assert (plain["status"], plain["body"]) == ("FAILED", "")
    assert (embedded["status"], embedded["body"]) == ("SUCCEEDED", '{"lr":0.1,"text":"\\u00fc"}')


@workaround("_service_integrations")
def test_names_in_a_tasks_answer_have_a_capital(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("sdk_task_answer")
    assert plain == ["jobQueues"]
    assert embedded == ["JobQueues"]


@workaround("_service_integrations")
def test_times_in_a_tasks_answer_are_texts(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("time_in_an_answer")
    assert "500 Internal Server Error" in plain
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", embedded)


@workaround("_errors_of_requests")
def test_a_task_without_an_answer_fails_as_the_sdk_does(worlds: Worlds) -> None:
    assert worlds.ask("task_without_an_answer") == ("States.Runtime", "S3.SdkClientException")


@workaround("_errors_of_requests")
def test_what_a_map_cannot_read_or_write_has_a_name(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("map_of_a_bucket_that_is_not_there")
    assert plain == ["States.Runtime", "States.Runtime"]
    assert embedded == ["States.ItemReaderFailed", "States.ResultWriterFailed"]


@workaround("_clients")
def test_tasks_share_their_clients(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("clients_of_ten_tasks")
    assert plain == 10
    assert embedded <= 2, "the task's, and the one that knows its parameters"


@workaround("_sync_that_waits_and_terminates")
def test_a_sync_task_waits_for_its_job_and_terminates_it_when_the_execution_is_stopped(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("sync_task_that_is_stopped")
    assert plain == {"asks again and again": True, "terminated": []}
    assert embedded == {"asks again and again": False, "terminated": [True]}


@workaround("_distributed_map")
def test_a_whole_number_is_a_percentage(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("whole_percentage")
    assert "ToleratedFailurePercentage" in plain
    assert embedded is True


@workaround("_distributed_map")
def test_a_map_starts_no_more_workers_than_it_has_items(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("threads_for_two_items")
    assert plain >= 200
    assert embedded < 20


@workaround("_distributed_map")
def test_a_worker_goes_from_item_to_item_without_recursion(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("many_items_for_one_worker")
    assert plain == {"failures": ["RecursionError"], "all": False}
    assert embedded == {"failures": [], "all": True}


@workaround("_distributed_map")
def test_items_that_a_stopped_execution_leaves_have_not_failed(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("stopped_map")
    assert plain["failed"] == 49
    assert embedded["failed"] == 0
    assert embedded["aborted"] == 1
    assert embedded["threads"] == 0


@workaround("_distributed_map")
def test_the_paths_of_a_result_writer_are_read_from_the_input_of_the_state(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("result_writer")
    assert plain == {"status": "FAILED", "files": 0}
    assert embedded == {"status": "SUCCEEDED", "files": 2}


@workaround("_files_of_a_maps_results")
def test_a_maps_results_are_in_files_that_its_manifest_names(worlds: Worlds) -> None:
    """The shape is that of https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html."""
    plain, embedded = worlds.ask("files_of_a_maps_results")
    assert plain["files"] == {"FAILED": [], "PENDING": [], "SUCCEEDED": []}
    assert plain["result"] == embedded["result"] == ["MapRunArn", "ResultWriterDetails"]
    assert re.fullmatch(r"files/of/[0-9a-f-]{36}/manifest\.json", embedded["manifest"])
    assert embedded["files"] == {"FAILED": ["FAILED_0.json"], "PENDING": [], "SUCCEEDED": ["SUCCEEDED_0.json"]}
    assert embedded["sizes are right"]

    failed, succeeded = embedded["children"]
    assert (succeeded["Status"], succeeded["Input"], succeeded["Output"]) == ("SUCCEEDED", "1", '{"text":"\\u00fc"}')
    assert (failed["Status"], failed["Input"], failed["Error"], failed["Cause"]) == ("FAILED", "2", "Two", "is not one")
    assert "Output" not in failed
    assert succeeded["InputDetails"] == succeeded["OutputDetails"] == {"Included": True}
    assert succeeded["StateMachineArn"].endswith("/Trials")
    assert succeeded["ExecutionArn"].endswith(f"/Trials:{succeeded['Name']}")
    assert succeeded["StartDate"] <= succeeded["StopDate"]


@workaround("_histories_of_children_that_nobody_reads")
def test_the_events_of_a_maps_children_are_not_kept(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("events_of_a_maps_children")
    assert plain >= 100
    assert embedded == 0


@workaround("_paths_that_are_parsed_once")
def test_a_path_is_parsed_once(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("parsers_for_ten_paths")
    assert plain >= 20
    assert embedded == 2


@workaround("_definitions_that_are_parsed_once")
def test_what_was_parsed_to_be_checked_is_executed_once(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("parsers_of_a_definition_that_is_executed_twice")
    assert plain == [3, "1", "2"]
    assert embedded == [2, "1", "2"]


@workaround("_definitions_that_are_parsed_once")
def test_what_is_wrong_with_a_definition_is_said_as_before(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("a_definition_that_is_none")
    assert "ASLParserException" in plain
    assert embedded == plain


# --- the server -------------------------------------------------------------------------------------------------------


@workaround("_services_that_are_found_once")
def test_a_service_is_found_without_a_look_at_the_disk(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("folders_listed_for_ten_requests")
    assert plain >= 10
    assert embedded == 0


@workaround("_models_that_are_read_once")
def test_models_are_read_by_one_reader(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("readers_of_models_for_four_services")
    assert plain == 4
    assert embedded <= 1


@workaround("_answers_for_programs_only")
def test_a_request_is_neither_logged_nor_answered_for_a_page_of_another_site(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("what_a_request_brings_about")
    assert plain == {"lines of log": 1, "headers for a page": ["Access-Control-Allow-Origin"]}
    assert embedded == {"lines of log": 0, "headers for a page": []}


# --- S3 ---------------------------------------------------------------------------------------------------------------


@workaround("_objects_on_disk")
def test_an_object_is_not_in_memory(worlds: Worlds) -> None:
    """That it is in a file is seen in test_cloud.py."""
    assert worlds.ask("where_an_object_is") == ("memory", "elsewhere")


@workaround("_objects_on_disk")
def test_of_two_conditional_puts_at_the_same_moment_one_fails(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("conditional_puts_at_the_same_moment")
    assert plain == [200, 200]
    assert embedded == [200, 412]


@workaround("_objects_that_are_read_whole")
def test_a_whole_object_is_answered_for_without_flask(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("requests_to_flask_for_ten_objects")
    assert plain == 10
    assert embedded == 0


@workaround("_objects_that_are_read_whole")
def test_whoever_answers_says_the_same_of_an_object(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("what_is_said_of_an_object")
    assert embedded == plain


@workaround("_objects_that_are_read_whole")
def test_a_policy_that_denies_an_object_is_heeded(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("denied_by_a_policy_of_the_bucket")
    assert "403" in plain
    assert embedded == plain


@workaround("_bodies_that_are_read_at_once")
def test_a_body_is_read_in_one_piece(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("pieces_of_a_body")
    assert plain[0] > 10
    assert plain[1]
    assert embedded == [0, True]


@workaround("_bodies_that_are_read_at_once")
def test_a_body_that_breaks_off_leaves_no_object(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("a_body_that_breaks_off")
    assert plain[0] == "400"
    assert "404" in plain[1]
    assert embedded == plain


# --- what is not loaded, by local/moto_imports.py ---------------------------------------------------------------------


def test_nothing_is_known_of_the_zones_that_offer_a_machine(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("zones_that_offer_a_machine")
    assert plain > 100
    assert embedded == 0


def test_an_api_whose_description_is_to_be_checked_is_refused(worlds: Worlds) -> None:
    plain, embedded = worlds.ask("an_api_whose_description_is_to_be_checked")
    assert plain == "one"
    assert embedded.startswith("ClientError: An error occurred (500)")

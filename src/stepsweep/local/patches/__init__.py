"""Patches of moto, so that it behaves as AWS does: one module for each service.

The patches in `speed` and `speed_s3` change no behavior; they only make moto faster. tests/local/test_patches.py has a
test for each patch, which fails once moto no longer needs the patch. Jobs and functions run in other modules of
`local`, which reach moto only through here.
"""

from pathlib import Path

from moto.core.config import default_user_config

from stepsweep.local.access import Access
from stepsweep.local.patches import (
    batch,
    batch_templates,
    cloudformation,
    ec2,
    lambda_,
    s3,
    speed,
    speed_s3,
    stepfunctions,
    stepfunctions_map,
    stepfunctions_tasks,
)


def install(
    *,
    endpoint_url: str,
    region: str,
    identity: str,
    objects: Path,
    jobs: batch.JobRunner,
    functions: lambda_.FunctionRunner,
    access: Access,
) -> None:
    """Turns this process's moto into an embedded cloud. Call it once, before the first request: moto's state belongs to
    the whole process.

    Args:
        endpoint_url: of this process's moto server.
        identity: what is different in every folder of a cloud; part of the names that CloudFormation chooses.
        objects: folder of the objects of all buckets except CDK's own.
        access: checks what the roles of state machines may do.

    Raises:
        PatchError: moto is not the version that the patches were written for.
    """
    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    batch.jobs_run(jobs)
    batch_templates.compute_environments_from_templates()
    batch_templates.job_queues_from_templates()
    batch_templates.scheduling_policies_from_templates()
    batch_templates.job_definitions_from_templates()
    lambda_.functions_run(functions)
    lambda_.layers_in_templates_are_arns()
    cloudformation.change_sets_leave_outputs()
    cloudformation.change_sets_can_be_missing()
    cloudformation.parameters_from_ssm_keep_their_value()
    cloudformation.updates_reach_dependents()
    cloudformation.unknown_updates_are_refused()
    cloudformation.generated_names_are_stable(identity)
    cloudformation.custom_resources_empty_buckets()
    ec2.stacks_delete_dependents_first()
    ec2.networks_are_deleted_with_their_stack()
    s3.objects_are_files(objects)
    s3.puts_are_atomic()
    s3.gets_are_atomic()
    stepfunctions.state_machines_of_stacks_execute()
    stepfunctions.executions_have_names()
    stepfunctions.executions_end_with_their_output()
    stepfunctions.parallels_fail_with_the_error_of_their_branch()
    clients = stepfunctions_tasks.Clients(endpoint_url, region, access)
    stepfunctions_tasks.tasks_sign_with_their_role(clients)
    stepfunctions_tasks.tasks_rename_members(clients)
    stepfunctions_tasks.batch_tasks_name_shares()
    stepfunctions_tasks.tasks_fail_with_named_errors()
    stepfunctions_tasks.sync_tasks_wait_for_their_job(clients, access)
    stepfunctions_map.percentages_can_be_whole()
    stepfunctions_map.maps_start_only_the_workers_they_need(access)
    stepfunctions_map.workers_go_from_item_to_item()
    stepfunctions_map.result_writers_read_the_input()
    stepfunctions_map.results_are_in_files()
    stepfunctions_map.maps_fail_with_named_errors()

    speed.json_templates_skip_yaml()
    speed.no_machine_images()
    speed.no_histories_of_children()
    speed.states_are_copied_as_json()
    speed.paths_are_parsed_once()
    speed.definitions_are_parsed_once()
    speed.services_are_found_once()
    speed.actions_are_listed_once()
    speed.request_ids_are_short()
    speed.models_are_listed_once()
    speed.no_cors_and_no_request_log()
    speed_s3.plain_requests_bypass_flask()
    speed_s3.listings_are_written_directly()

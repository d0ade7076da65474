"""Patches that make moto faster and change nothing else; `speed_s3` has those for objects."""

import copy
import json
import uuid
from collections.abc import Callable
from functools import cache, lru_cache
from types import SimpleNamespace
from typing import Any

from moto import backends
from moto.cloudformation.models import Stack
from moto.core import responses, utils
from moto.ec2.models.amis import AmiBackend
from moto.moto_server import werkzeug_app
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.stepfunctions.parser.asl.component.common.path import result_path
from moto.stepfunctions.parser.asl.component.common.string import string_expression
from moto.stepfunctions.parser.asl.component.state.exec import execute_state
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration import distributed_iteration_component
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service
from moto.stepfunctions.parser.asl.eval import states
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventManager
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor
from moto.stepfunctions.parser.asl.utils import json_path

from stepsweep.local.patches.patching import patch
from stepsweep.local.patches.stepfunctions_map import parse_with_decimals


def json_templates_skip_yaml() -> None:
    """moto reads a JSON template with a YAML parser written in Python, which takes 0.2 s for the stack's template."""

    def parse_template(original: Callable[[str], Any], template: str) -> Any:
        try:
            return json.loads(template)
        except ValueError:
            return original(template)

    patch(Stack, "parse_template", parse_template, with_original=True)


def no_machine_images() -> None:
    """moto creates 1,301 machine images, with a disk each, for the first VPC, which takes 0.15 s. Nothing here starts a
    machine from an image."""
    patch(AmiBackend, "_load_amis", lambda _self: None)


def no_histories_of_children() -> None:
    """moto keeps every event of a Map's children while the Map runs, with the state's whole input or output: about
    40 KB for each trial. No request can read them."""

    class Unread(EventManager):
        def _publish_history_event(self, **_: Any) -> None:
            pass

    patch(distributed_iteration_component, "EventManager", Unread)


def states_are_copied_as_json() -> None:
    """moto copies a state's input or output about forty times for each trial, by `copy.deepcopy`, which asks of each
    value for what JSON cannot have, such as cycles: a tenth of the cloud's work."""
    copies = SimpleNamespace(deepcopy=copied)
    for module in (states, string_expression, result_path, execute_state, state_task_service):
        patch(module, "copy", copies)


def copied(value: Any) -> Any:
    """Returns a copy of a value of JSON; of any other value in it, what `copy.deepcopy` returns."""
    kind = type(value)
    if kind is dict:
        return {name: copied(item) for name, item in value.items()}
    if kind is list:
        return [copied(item) for item in value]
    return value if kind in (str, int, float, bool, type(None)) else copy.deepcopy(value)


def paths_are_parsed_once() -> None:
    """moto builds a parser each time a state reads a path: about 11 times for each trial, a third of an execution's
    work. A parsed path has no state."""

    @lru_cache(maxsize=10_000)
    def parse(original: Callable[[str], Any], path: str) -> Any:
        return original(path)

    for module in (json_path, result_path):
        patch(module, "parse", parse, with_original=True)


def definitions_are_parsed_once() -> None:
    """moto parses a definition to validate it, and again for each execution: 0.2 s at the start of a sweep. The tree
    of a text has no state, so it is kept. What is executed has state, and is built from the tree each time."""
    trees: dict[str, Any] = {}

    def parse(original: Callable[[str], tuple[Any, Any]], definition: str) -> tuple[Any, Any]:
        if definition in trees:
            return Preprocessor().visit(trees[definition]), trees[definition]
        program, trees[definition] = original(definition)
        return program, trees[definition]

    patch(AmazonStateLanguageParser, "parse", parse, with_original=True, on_top_of=parse_with_decimals)


def services_are_found_once() -> None:
    """To find the service of a request, moto searches all services by the host, and lists the folder of its own source
    to do so, twice for each request."""

    @cache
    def list_modules(original: Callable[[], Any]) -> frozenset[str]:
        return frozenset(original())

    @lru_cache(maxsize=1_000)
    def find(original: Callable[..., Any], self: Any, host: str | None) -> Any:
        return original(self, host)

    patch(backends, "list_of_moto_modules", list_modules, with_original=True)
    patch(DomainDispatcherApplication, "get_backend_for_host", find, with_original=True)


def actions_are_listed_once() -> None:
    """moto lists all methods of a service's class for each request, to know whether it has the one asked for."""
    patch(responses, "method_names_from_class", cache(responses.method_names_from_class))


def request_ids_are_short() -> None:
    """moto draws the 52 letters of each request's id one by one. Nobody reads them."""

    def request_id(headers: dict[str, Any] | None = None) -> str:
        drawn = uuid.uuid4().hex
        if headers is not None:
            headers["x-amzn-requestid"] = drawn
        return drawn

    patch(responses, "gen_amzn_requestid_long", request_id)


def models_are_listed_once() -> None:
    """moto lists all of botocore's service models on the first request for each service, which takes 0.02 s each."""

    @cache
    def create_loader(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return original(*args, **kwargs)

    patch(utils, "create_loader", create_loader, with_original=True)


def no_cors_and_no_request_log() -> None:
    """For each request moto works out CORS headers and writes a line of a log that nobody keeps. No web page reads from
    the embedded cloud."""
    patch(werkzeug_app, "DISABLE_GLOBAL_CORS", True)
    patch(werkzeug_app.MotoRequestHandler, "log_request", lambda _self, *_: None)

"""Faults that make no difference which anyone could see, each with the reason; the figures leave them out.

A fault is known by its function and the text of its change, so this outlives what moves a line.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Equivalent:
    """A fault that nobody can see.

    Attributes:
        change: the lines as `make mutants` prints them.
    """

    file: str
    function: str
    change: tuple[str, ...]
    reason: str


def is_weaker_zip(change: tuple[str, ...]) -> bool:
    """Whether `zip` only no longer checks that all are as long: what is zipped here is, or need not be."""
    if len(change) != 2:
        return False
    before, is_strict, after = change[0][2:].partition("strict=")
    after = after.removeprefix("True").removeprefix("False")
    weaker = {f"{before}{how}{after}" for how in ("", "strict=None", "strict=False")}
    return bool(is_strict) and change[1][2:] in weaker


EQUIVALENT = [
    Equivalent(
        file="trainer/checkpoint.py",
        function="from_bytes",
        change=(
            '- content = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)',
            '+ content = torch.load(io.BytesIO(data), map_location="cpu", )',
        ),
        reason="`weights_only` is true by default since PyTorch 2.6, and a newer one is pinned",
    ),
    Equivalent(
        file="trainer/fetch.py",
        function="first_of",
        change=('- return name, ", ".join(reasons)', '+ return name, "XX, XX".join(reasons)'),
        reason="there are two data sets, so there is one reason at most",
    ),
    Equivalent(
        file="trainer/fetch.py",
        function="_run",
        change=(
            '- done = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", errors="replace", check=False)',  # noqa: E501
            '+ done = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", errors="replace", check=None)',  # noqa: E501
        ),
        reason="`check` is false by default, and None is as false",
    ),
    Equivalent(
        file="trainer/fetch.py",
        function="main",
        change=("- missing += 1", "+ missing -= 1"),
        reason="only whether it is 0 counts",
    ),
    Equivalent(
        file="trainer/trial.py",
        function="run",
        change=('- worse = ""', "+ worse = None"),
        reason="it is said only if it is not empty",
    ),
    Equivalent(
        file="contract/parameters_input.py",
        function="_gap",
        change=(
            "- return 0 if all(isinstance(number, int) for number in numbers) else 2 * math.ulp(max(map(abs, numbers)))",  # noqa: E501
            "+ return 1 if all(isinstance(number, int) for number in numbers) else 2 * math.ulp(max(map(abs, numbers)))",  # noqa: E501
        ),
        reason="one of the numbers is the step, which is above 0; a whole one is not below 1 either",
    ),
    Equivalent(
        file="contract/search_state.py",
        function="SearchState.end_task",
        change=("- _, task = self.turns.get(worker, (0, None))", "+ _, task = self.turns.get(worker, (1, None))"),
        reason="the number is not used",
    ),
    Equivalent(
        file="statemachine/notifier.py",
        function="End.of",
        change=("- name = None", '+ name = ""'),
        reason="neither is the name of a sweep, so the execution's takes its place",
    ),
    Equivalent(
        file="bucket/outcomes.py",
        function="_outcomes",
        change=(
            """- yield JobOutcome.from_json(_document(output), where="the Map's record")""",
            """+ yield JobOutcome.from_json(_document(output), where="XXthe Map's recordXX")""",
        ),
        reason="the error that would name it is passed over, since the trial's own object is read instead",
    ),
    Equivalent(
        file="bucket/search_log.py",
        function="SearchLog.append",
        change=(
            '- document = json.dumps(state.to_json(), separators=(",", ":"), allow_nan=False)',
            "+ document = json.dumps(state.to_json(), allow_nan=False)",
        ),
        reason="the same document, which only takes more time and bytes",
    ),
    Equivalent(
        file="bucket/search_log.py",
        function="SearchLog.append",
        change=(
            '- document = json.dumps(state.to_json(), separators=(",", ":"), allow_nan=False)',
            '+ document = json.dumps(state.to_json(), separators=(",", ":"), )',
        ),
        reason="a state has no NaN: it is made of events, and those are written and read without",
    ),
    Equivalent(
        file="bucket/folder.py",
        function="opened",
        change=(
            '- raise IsADirectoryError(errno.EISDIR, "is a folder", str(file))',
            "+ raise IsADirectoryError(errno.EISDIR, str(file))",
        ),
        reason="to whoever opens an object, a folder of its name is a missing object",
    ),
    Equivalent(
        file="trial/config_file.py",
        function="merged",
        change=(
            "- return str(yaml.serialize(root, Dumper=yaml.SafeDumper, allow_unicode=True))",
            "+ return str(yaml.serialize(root, allow_unicode=True))",
        ),
        reason="PyYAML's two dumpers differ in how they represent objects, and these are nodes already",
    ),
    Equivalent(
        file="statemachine/reducer.py",
        function="reduce",
        change=('- no_job_started: str = "",', '+ no_job_started: str = "XXXX",'),
        reason="the function always says it",
    ),
    Equivalent(
        file="trial/stream.py",
        function="Stream.is_message",
        change=("- self._in_traceback = False", "+ self._in_traceback = None"),
        reason="it is only asked whether it is true",
    ),
    Equivalent(
        file="statemachine/reducer.py",
        function="reduce",
        change=(
            "- return JobOutcome.never_started(trial.trial_id, no_job_started, execution=plan.execution)",
            "+ return JobOutcome.never_started(trial.trial_id, no_job_started, execution=None)",
        ),
        reason="of this outcome only the reason is read, and it is not written",
    ),
    Equivalent(
        file="trial/values.py",
        function="as_text",
        change=('- return format(Decimal(repr(value)), "f")', '+ return format(Decimal(repr(value)), "F")'),
        reason="the two differ for infinity and NaN alone, which are written as JSON",
    ),
    Equivalent(
        file="client/terminal/leaderboard.py",
        function="show_failures",
        change=("- table = Table.grid(padding=(0, 2, 0, 0))", "+ table = Table.grid(padding=(0, 2, 0, 1))"),
        reason="of two neighbours' paddings a grid has the larger one, and at its edge none",
    ),
    Equivalent(
        file="client/operations/selftest.py",
        function="SelfTest._job_when",
        change=(
            "- if has_ended or (jobs and is_enough(jobs[0])) or time.monotonic() > deadline:",
            "+ if has_ended or (jobs and is_enough(jobs[0])) or time.monotonic() >= deadline:",
        ),
        reason="one tick of the clock, of many minutes",
    ),
    Equivalent(
        file="bucket/search_log.py",
        function="SearchLog.read_on",
        change=(
            "- documents = for_all(self._bucket.get_json, names, threads=ahead)",
            "+ documents = for_all(self._bucket.get_json, names, )",
        ),
        reason="there are as many threads as documents or more, and a pool starts no thread without work",
    ),
    Equivalent(
        file="contract/rounds.py",
        function="schedule",
        change=(
            "- count = spec.halving.places(count) if spec.halving else 0",
            "+ count = spec.halving.places(count) if spec.halving else 1",
        ),
        reason="without halving there is one rung, after which the count is not used",
    ),
    Equivalent(
        file="contract/objective_input.py",
        function="_objective",
        change=(
            '- at = _at(where, raw["at"], at, epochs=epochs, faults=faults, of_several=of_several)',
            '+ at = _at(where, raw["at"], None, epochs=epochs, faults=faults, of_several=of_several)',
        ),
        reason="it stands in for one that has a fault, and then there is no spec; no other rule reads it",
    ),
    Equivalent(
        file="contract/curves.py",
        function="losses",
        change=(
            "- panel = _panel(LOSS, [name for name in columns if _measured(name)[0] == LOSS])",
            "+ panel = _panel(None, [name for name in columns if _measured(name)[0] == LOSS])",
        ),
        reason="the columns of the panel are asked for, and not its name",
    ),
    Equivalent(
        file="trial/sources.py",
        function="Metrics._reported",
        change=(
            r'- *lines, _ = self._report.read_text("utf-8").split("\n") if self._report and self._report.exists() else [""]',  # noqa: E501
            r'+ *lines, _ = self._report.read_text("utf-8").split("\n") if self._report and self._report.exists() else ["XXXX"]',  # noqa: E501
        ),
        reason="what stands behind the last line end is no line yet, and is not read",
    ),
    Equivalent(
        file="trial/options.py",
        function="_parser",
        change=(
            '- parser.add_argument("--style", choices=STYLES, default=STYLES[0], help="how options reach the command")',
            '+ parser.add_argument("--style", choices=STYLES, default=None, help="how options reach the command")',
        ),
        reason="the first style is what is left where it is none of the others",
    ),
    Equivalent(
        file="trial/checkpoint.py",
        function="_is_for_writing",
        change=(
            "- return flags is not None and int(flags[1], 8) & os.O_ACCMODE != os.O_RDONLY",
            "+ return flags is not None and int(flags[1], ) & os.O_ACCMODE != os.O_RDONLY",
        ),
        reason="the other flags of Linux are multiples of 0100, whose digits read as a decimal number are one of 4 too",
    ),
    Equivalent(
        file="trial/script.py",
        function="Reporter.report",
        change=(
            '- with self._file.open("a", encoding="utf-8") as file:',
            '+ with self._file.open("a", encoding="UTF-8") as file:',
        ),
        reason="Python takes names of encodings in either case",
    ),
    Equivalent(
        file="trial/params_file.py",
        function="write",
        change=(
            "- text = json.dumps(document, indent=2, ensure_ascii=False)",
            "+ text = json.dumps(document, indent=2, ensure_ascii=None)",
        ),
        reason="only whether it is true counts",
    ),
    Equivalent(
        file="trial/params_file.py",
        function="_scalar",
        change=(
            "- text = json.dumps(value, ensure_ascii=False)",
            "+ text = json.dumps(value, ensure_ascii=None)",
        ),
        reason="only whether it is true counts",
    ),
    *(
        Equivalent(
            file=file,
            function=function,
            change=(f"- {line}", f"+ {line.replace(f'cast({kind}', 'cast(None')}"),
            reason="only a type checker reads the first argument of `cast`",
        )
        for file, function, kind, line in (
            (
                "stack/log_groups.py",
                "log_group",
                "logs.CfnLogGroup",
                "cast(logs.CfnLogGroup, group.node.default_child).retention_in_days = retention_days",
            ),
            (
                "stack/storage.py",
                "Storage._keep_no_log_of_emptying",
                "CfnResource",
                'handler = cast(CfnResource, provider.node.find_child("Handler"))',
            ),
            (
                "stack/compute.py",
                "Compute._give_secrets",
                "batch.CfnJobDefinition",
                "definition = cast(batch.CfnJobDefinition, self.job_definition.node.default_child)",
            ),
            (
                "stack/compute.py",
                "Compute._environment",
                "batch.CfnComputeEnvironment",
                "resource = cast(batch.CfnComputeEnvironment, environment.node.default_child)",
            ),
        )
    ),
    *(
        Equivalent(
            file=file,
            function=function,
            change=(f"- {line}", f"+ {line.replace(name, other)}"),
            reason="what a stack only refers to is no resource of it, and so its id is nowhere",
        )
        for file, function, name, line in (
            (
                "stack/network.py",
                "Network.__init__",
                "Vpc",
                'self, "Vpc", vpc_id=config.vpc_id, availability_zones=list(config.subnet_ids)',
            ),
            (
                "stack/functions.py",
                "SamplerLayer.__init__",
                "Assets",
                's3.Bucket.from_bucket_name(self, "Assets", zipped.bucket_name), zipped.object_key',
            ),
        )
        for other in (f"XX{name}XX", name.lower(), name.upper())
    ),
    *(
        Equivalent(
            file="stack/network.py",
            function="Network.__init__",
            change=(
                "- self.subnets = ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC)",
                f"+ self.subnets = {other}",
            ),
            reason="the network has public subnets only",
        )
        for other in ("None", "ec2.SubnetSelection(subnet_type=None)")
    ),
    *(
        Equivalent(
            file="stack/compute.py",
            function="Compute._environment",
            change=(
                "- allocation_strategy=batch.AllocationStrategy.SPOT_PRICE_CAPACITY_OPTIMIZED",
                "- if spot",
                "- else batch.AllocationStrategy.BEST_FIT_PROGRESSIVE,",
                *other,
            ),
            reason="CDK chooses the same; it is written out, since a change would replace what runs",
        )
        for other in ((), ("+ allocation_strategy=None,",))
    ),
]

"""A sweep's definition: rounds of trials, and what comes before and after them.

People read the states' names and comments in the console's graph while a sweep runs.
"""

from aws_cdk import Duration
from aws_cdk import aws_batch as batch
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from stepsweep.statemachine.definition.free_workers import work
from stepsweep.statemachine.definition.guarded import guarded
from stepsweep.statemachine.definition.round_trials import train_all
from stepsweep.statemachine.definition.states import invoke


class SweepDefinition(Construct):
    """Plan → train all trials in parallel → pick the winner, in rounds until the search ends.

    In a free-running search each worker trains one trial after the other, and asks which, until none is left.

    Args:
        sweeps: ARN of the objects under `sweeps/`. The state machine itself reads and writes only these.
        start_within: the time within which one of a round's jobs must start.

    Attributes:
        start: the first state; `sfn.DefinitionBody.from_chainable(definition.start)`.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        bucket: s3.IBucket,
        sweeps: str,
        job_queue: batch.IJobQueue,
        job_definition: batch.IJobDefinition,
        planner: lambda_.IFunction,
        reducer: lambda_.IFunction,
        sampler: lambda_.IFunction,
        asker: lambda_.IFunction,
        guard: lambda_.IFunction,
        start_within: Duration,
    ) -> None:
        super().__init__(scope, construct_id)
        # Later states must not mistake a person's input for our own numbers, so this state replaces it. The planner
        # gets the input from the context object.
        begin = sfn.Pass(
            self,
            "Begin",
            state_name="Begin with round 0",
            comment="The sweep's input is read by the next state.",
            result=sfn.Result.from_object({"round": 0}),
        )
        plan = invoke(
            self,
            "Plan",
            planner,
            state_name="Plan the trials",
            comment="Checks the input, lists every trial, and leaves out those that are trained already.",
            payload={
                "input": sfn.JsonPath.object_at("$$.Execution.Input"),
                "execution": sfn.JsonPath.string_at("$$.Execution.Name"),
                "started": sfn.JsonPath.string_at("$$.Execution.StartTime"),
                "round": sfn.JsonPath.number_at("$.round"),
            },
        )
        one_round = {"sweep": sfn.JsonPath.string_at("$.sweep"), "round": sfn.JsonPath.number_at("$.round")}
        reduce = invoke(
            self,
            "Reduce",
            reducer,
            state_name="Pick the winner",
            comment="Reads every trial's metrics from S3, ranks the trials, writes leaderboard.csv and winner.json "
            "or, with several objectives, front.json.",
            payload={
                **one_round,
                "execution": sfn.JsonPath.string_at("$$.Execution.Name"),
                "ended": sfn.JsonPath.object_at("$.ended"),
                "leg": sfn.JsonPath.object_at("$.leg"),
                "started": sfn.JsonPath.string_at("$$.Execution.StartTime"),
                "entered": sfn.JsonPath.string_at("$$.State.EnteredTime"),
            },
        )
        ask = invoke(
            self,
            "Ask",
            sampler,
            state_name="Ask the model",
            comment="Optuna proposes params for the next round, by the outcomes so far.",
            payload=one_round,
        )
        train = guarded(
            self,
            train=train_all(self, bucket=bucket, sweeps=sweeps, job_queue=job_queue, job_definition=job_definition),
            work=work(
                self, bucket=bucket, job_queue=job_queue, job_definition=job_definition, asker=asker, guard=guard
            ),
            guard=guard,
            start_within=start_within,
            then=reduce,
        )

        after_plan = (
            sfn.Choice(self, "AfterPlan", state_name="Anything to train?")
            .when(
                sfn.Condition.is_present("$.fault"),
                sfn.Fail(
                    self,
                    "WrongInput",
                    state_name="Wrong input",
                    comment="No trial of this round was started. The cause lists every fault of the input.",
                    error="InvalidSweep",
                    cause_path="$.fault",
                ),
                comment="The input breaks rules",
            )
            .when(sfn.Condition.number_equals("$.to_run", 0), reduce, comment="All trials are trained already")
            .otherwise(train)
        )
        # A grid or random search never starts the function that asks the model.
        next_round = (
            sfn.Choice(self, "NextRound", state_name="Does a model search?")
            .when(sfn.Condition.boolean_equals("$.ask", True), ask, comment="A model proposes new params")
            .otherwise(plan)
        )
        after_reduce = (
            sfn.Choice(self, "AfterReduce", state_name="Another round?")
            .when(sfn.Condition.boolean_equals("$.another_round", True), next_round, comment="The search goes on")
            .when(
                sfn.Condition.is_present("$.fault"),
                sfn.Fail(
                    self,
                    "NoTrialSucceeded",
                    state_name="No trial succeeded",
                    comment="The cause has the trials' own reasons, most frequent first.",
                    error="NoTrialSucceeded",
                    cause_path="$.fault",
                ),
                comment="Not one trial succeeded",
            )
            .otherwise(
                sfn.Succeed(
                    self,
                    "WinnerFound",
                    state_name="Winner found",
                    comment="The output has the winner's params and its metric, or the Pareto front of several "
                    "objectives, and where the whole leaderboard is.",
                    output_path="$.output",
                )
            )
        )
        begin.next(plan).next(after_plan)
        reduce.next(after_reduce)
        ask.next(plan)
        self.start = begin

"""The CDK app: `cdk synth`, `cdk deploy`, `cdk destroy` run this."""

import sys

import aws_cdk as cdk

from stepsweep.contract.errors import InvalidInput
from stepsweep.stack.sweep_stack import SweepStack
from stepsweep.stack_config import StackConfig, names

FLAGS = {
    # CDK drops a Distributed Map's result writer without a word unless this is set.
    "@aws-cdk/aws-stepfunctions:useDistributedMapResultWriterV2": True,
    "@aws-cdk/aws-iam:minimizePolicies": True,
    "@aws-cdk/core:validateAgainstDefaultRules": True,
}
"""Context of every synthesis, whoever starts it and wherever: the CDK CLI, `sweep deploy`, the embedded cloud."""


def build(app: cdk.App) -> SweepStack:
    """Adds the stack to the app, configured by the app's context.

    Raises:
        InvalidInput: the context has values that cannot be deployed.
    """
    context = {name: app.node.try_get_context(name) for name in names()}
    return SweepStack(app, "Stepsweep", config=StackConfig.from_context(context))


def main() -> None:
    app = cdk.App(context=FLAGS)
    try:
        build(app)
    except InvalidInput as error:
        for fault in error.faults:
            print(f"stepsweep: {fault}", file=sys.stderr)
        sys.exit(2)
    app.synth()


if __name__ == "__main__":
    main()

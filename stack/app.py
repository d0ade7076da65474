"""The CDK app, which `cdk synth`, `cdk deploy` and `cdk destroy` run."""

import os
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

from stepsweep.contract.errors import InvalidInput
from stepsweep.stack_config import UMASK, StackConfig, fault_of_region, names

if TYPE_CHECKING:
    import aws_cdk as cdk

    from stepsweep.stack.sweep_stack import SweepStack

# `build` imports the packages of the extra `deploy`, so that without them the command can print what to install.
PACKAGES = ("aws_cdk", "constructs", "pathspec")

FLAGS = {
    # Without this flag CDK silently drops a Distributed Map's result writer.
    "@aws-cdk/aws-stepfunctions:useDistributedMapResultWriterV2": True,
    "@aws-cdk/aws-iam:minimizePolicies": True,
    "@aws-cdk/core:validateAgainstDefaultRules": True,
}
"""Context of every synthesis: by the CDK CLI, `sweep deploy` and the embedded cloud."""


def build(app: "cdk.App") -> "SweepStack":
    """Adds the stack to the app, configured by the app's context.

    Raises:
        InvalidInput: the context has invalid values.
    """
    from stepsweep.stack.sweep_stack import SweepStack

    context = {name: app.node.try_get_context(name) for name in names()}
    return SweepStack(app, "Stepsweep", config=StackConfig.from_context(context))


def main() -> None:
    if missing := [name for name in PACKAGES if find_spec(name) is None]:
        print(f"stepsweep: the stack needs {', '.join(missing)}: pip install 'stepsweep[deploy]'", file=sys.stderr)
        sys.exit(2)
    if fault := fault_of_region(os.environ.get("CDK_DEFAULT_REGION", "")):  # the CDK CLI sets it
        print(f"stepsweep: {fault}", file=sys.stderr)
        sys.exit(2)
    os.umask(UMASK)  # before the import, which starts CDK's own process
    import aws_cdk as cdk

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

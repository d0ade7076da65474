"""All checks, in the order in which they are asked about a seeded fault: those that exist before our own."""

from tests.proof.checks import (
    data,
    errors,
    existing,
    functions,
    guard,
    jobs,
    machine,
    machines,
    maps,
    paths,
    rehearsal,
    removal,
    requests,
    roles,
    shares,
)
from tests.proof.checks.check import Check, each

CHECKS = (
    Check(
        name="asl-validator",
        covers="the definition against the schema of Amazon States Language",
        of_many=existing.asl_validator,
        ours=False,
    ),
    Check(
        name="amazon-states-language-service",
        covers="the definition, as AWS's own editor checks it",
        of_many=existing.language_service,
        ours=False,
    ),
    Check(
        name="moto's parser",
        covers="the definition, as an interpreter reads it",
        of_many=each(existing.moto_parser),
        ours=False,
    ),
    Check(name="paths", covers="every path under a key that ends in .$, and only there", of_many=each(paths.findings)),
    Check(name="requests", covers="parameters of tasks against the services' models", of_many=each(requests.findings)),
    Check(name="errors", covers="what is tried again and caught, in which order", of_many=each(errors.findings)),
    Check(name="map", covers="the Map over trials: no trial fails it, all are recorded", of_many=each(maps.findings)),
    Check(name="guard", covers="a sweep none of whose jobs starts ends", of_many=each(guard.findings)),
    Check(name="state machine", covers="every state is reached, and it ends some day", of_many=each(machine.findings)),
    Check(name="job definition", covers="Batch's retries, time limits, privileges", of_many=each(jobs.findings)),
    Check(name="machines", covers="jobs fit on a machine that starts", of_many=each(machines.findings)),
    Check(name="shares", covers="sweeps share the machines, by priority", of_many=each(shares.findings)),
    Check(name="data", covers="the bucket is private; what expires, and what does not", of_many=each(data.findings)),
    Check(name="functions", covers="handlers, environment, alarms, outputs", of_many=each(functions.findings)),
    Check(
        name="removal", covers="every resource goes with the stack, none costs at rest", of_many=each(removal.findings)
    ),
    Check(name="roles", covers=f"{len(roles.RULES)} rules of who may do what", of_many=each(roles.findings)),
    Check(
        name="rehearsal",
        covers="ten sweeps, with the deployed functions' answers",
        of_many=each(rehearsal.findings),
        costly=True,
    ),
    Check(
        name="cfn-lint",
        covers="the template against CloudFormation's schemas",
        of_many=each(existing.cfn_lint),
        ours=False,
        costly=True,
    ),
)

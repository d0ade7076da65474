"""The state machine of a sweep, as CDK constructs. Only this folder of the room imports aws_cdk."""

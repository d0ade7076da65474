"""Deploying the stack with the CDK CLI, from any folder."""

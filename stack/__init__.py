"""The CDK stack: storage, compute, functions, network and permissions."""

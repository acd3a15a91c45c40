"""The CDK stacks, one file per concern."""

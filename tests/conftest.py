from tests.aws import local_aws, stage

__all__ = ["local_aws", "stage"]

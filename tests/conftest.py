from tests.aws import local_aws, ministack, stage

__all__ = ["local_aws", "ministack", "stage"]

"""In which regions a stage has stacks, whatever cdk.json says by now: a deploy takes none away."""

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from holdfast.core.errors import StoreError
from holdfast.deployed import dashboard_name
from holdfast.state.aws import AwsClients


def deployed_regions(stage: str, region: str) -> set[str]:
    """The regions that have a dashboard of the stage: these are the whole AWS account's, and `region` lists them all.

    Raises StoreError where they can't be listed.
    """
    prefix = dashboard_name(stage, "")
    pages = AwsClients(region).of("cloudwatch").get_paginator("list_dashboards").paginate(DashboardNamePrefix=prefix)
    try:
        names = [entry["DashboardName"] for page in pages for entry in page.get("DashboardEntries", ())]
    except (ClientError, BotoCoreError) as error:
        raise StoreError(f"dashboards {prefix}* can't be listed: {error}") from None
    # "holdfast-dev-" begins the names of stage "dev-ann", too, but no region is called ann-us-east-1.
    return {name.removeprefix(prefix) for name in names} & set(boto3.session.Session().get_available_regions("sqs"))

"""What is deployed beside tables and parameters: its names, and the limits that queues and functions go by.

The one place that says so: the stacks make things by these names, functions and command line find them by these. Every
name is one region's. Stages are told apart by the name, so that two of them share nothing.
"""

from enum import StrEnum

STAGE_VARIABLE = "HOLDFAST_STAGE"
QUEUE_URL_VARIABLE = "HOLDFAST_QUEUE_URL"
EXECUTE_QUEUE_URL_VARIABLE = "HOLDFAST_EXECUTE_QUEUE_URL"
BRACKETS_QUEUE_URL_VARIABLE = "HOLDFAST_BRACKETS_QUEUE_URL"
SIGNALS_QUEUE_URL_VARIABLE = "HOLDFAST_SIGNALS_QUEUE_URL"
WEBHOOK_SECRET_VARIABLE = "HOLDFAST_WEBHOOK_SECRET"  # noqa: S105 - the variable that names the secret
SOURCE_ADDRESSES_VARIABLE = "HOLDFAST_SOURCE_ADDRESSES"
"""Environment variables of the functions."""

CHECK_EVENT = "check"
"""The key of an event that asks a job's function, invoked directly, whether an account can trade: {"check": account}.
Its answer is {"lines": [...]}, lines of `holdfast.account_check`. Nothing but the owner's credentials may invoke it."""

TICK_TIMEOUT_SECONDS = 360
"""A tick may wait `max_wait_seconds` for tokens, 300 at most, and protects what it bought afterwards."""

REGIONS = {"polymarket": "eu-west-1"}
OTHER_REGION = "us-east-1"


class Function(StrEnum):
    """The Lambda functions. Each reads the queue of its own name, but the webhook, which HTTP calls."""

    EXECUTE = "execute"
    BRACKETS = "brackets"
    SIGNALS = "signals"
    WEBHOOK = "webhook"


JOBS = (Function.EXECUTE, Function.BRACKETS)
"""Those that tick on a schedule, once a minute for each account."""

QUEUES = (*JOBS, Function.SIGNALS)
"""Those with a queue, and a dead-letter queue beside it."""


def default_region(venue: str) -> str:
    """Where an account's stacks are unless its record says otherwise: where the venue takes orders from AWS.

    Polymarket refuses US addresses, Kalshi and Coinbase are US venues.
    """
    return REGIONS.get(venue, OTHER_REGION)


def stack_name(stage: str, region: str, part: str) -> str:
    """One of the stacks, e.g. "holdfast-dev-us-east-1-data"."""
    return f"holdfast-{stage}-{region}-{part}"


def function_name(stage: str, function: Function) -> str:
    """The function's name, e.g. "holdfast-dev-execute"."""
    return f"holdfast-{stage}-{function}"


def log_group_name(stage: str, function: Function) -> str:
    """Where the function logs."""
    return f"/aws/lambda/{function_name(stage, function)}"


def queue_name(stage: str, function: Function) -> str:
    """The queue that the function reads, e.g. "holdfast-dev-execute"."""
    return f"holdfast-{stage}-{function}"


def dead_letter_queue_name(stage: str, function: Function) -> str:
    """Where messages go that the function could not use, and schedules' messages that its queue did not take."""
    return f"{queue_name(stage, function)}-dead"


def schedule_group_name(stage: str) -> str:
    """The group of every schedule of the stage."""
    return f"holdfast-{stage}"


def schedule_name(job: Function, account: str) -> str:
    """One account's schedule of one job, e.g. "execute-kalshi-main"."""
    return f"{job}-{account}"


def secret_name(stage: str, account: str) -> str:
    """The account's credentials in Secrets Manager, e.g. "holdfast/dev/kalshi-main"."""
    return f"holdfast/{stage}/{account}"


def webhook_secret_name(stage: str) -> str:
    """What a webhook's sender must know. Not below the accounts' secrets: those are for the jobs alone."""
    return f"holdfast-webhook/{stage}"


def key_alias(stage: str) -> str:
    """The KMS key that encrypts the accounts' secrets."""
    return f"alias/holdfast-{stage}"


def metrics_namespace(stage: str) -> str:
    """The namespace of the functions' own metrics in CloudWatch."""
    return f"Holdfast/{stage}"


def dashboard_name(stage: str, region: str) -> str:
    """The dashboard of one region. Dashboards are the whole AWS account's, so that they also say which regions are
    deployed."""
    return f"holdfast-{stage}-{region}"


def alarm_topic_name(stage: str) -> str:
    """The SNS topic that mails alarms."""
    return f"holdfast-{stage}-alarms"

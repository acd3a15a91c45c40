"""What an account costs a month at AWS, from measured units and list prices.

Prices are us-east-1's. Those of DynamoDB were seen in sources; the others are from memory (facts aws, marks S and K),
and so is how long calls take on AWS, where nothing of this has run yet. Free tiers are left out.
"""

from typing import NamedTuple

HOURS = 730
TICKS_PER_HOUR = 180  # brackets every 30 s, execute every minute
FOLLOW_UPS_PER_HOUR = 60
MEMORY_GB = 0.5
# Assumed, per call on AWS; our own time counts threefold on a third of a processor.
STORE_CALL_S, VENUE_CALL_S, OWN_TICK_S = 0.005, 0.08, 0.012
START_BYTES = 350  # START, END and REPORT of an invocation

READ_UNIT, WRITE_UNIT = 0.125e-6, 0.625e-6  # S
LAMBDA_REQUEST, LAMBDA_GB_S = 0.20e-6, 13.3334e-6  # K
SQS_REQUEST, SCHEDULE = 0.40e-6, 1.00e-6  # K
LOGGED_GB = 0.50  # K
SECRET, SECRET_READ, KMS_CALL = 0.40, 5e-6, 3e-6  # K


class Usage(NamedTuple):
    """One account's hour. `secret_reads`: one every ten minutes by each process that serves it."""

    store_calls: int
    reads: int
    writes: int
    venue_calls: int
    logged_bytes: int
    secret_reads: int


def busy_seconds(usage: Usage) -> float:
    """How long functions run for the account in an hour."""
    return usage.store_calls * STORE_CALL_S + usage.venue_calls * VENUE_CALL_S + TICKS_PER_HOUR * OWN_TICK_S


def monthly(usage: Usage) -> dict[str, float]:
    """Dollars a month, by service."""
    # Sent, received and deleted; a follow-up is sent by the function, ten to a request.
    messages = 3 * TICKS_PER_HOUR
    logged = usage.logged_bytes + START_BYTES * TICKS_PER_HOUR
    per_hour = {
        "DynamoDB": usage.reads * READ_UNIT + usage.writes * WRITE_UNIT,
        "Lambda": TICKS_PER_HOUR * LAMBDA_REQUEST + busy_seconds(usage) * MEMORY_GB * LAMBDA_GB_S,
        "SQS, Scheduler": messages * SQS_REQUEST + (TICKS_PER_HOUR - FOLLOW_UPS_PER_HOUR) * SCHEDULE,
        "logs": logged / 1e9 * LOGGED_GB,
        "secret": SECRET / HOURS + usage.secret_reads * (SECRET_READ + KMS_CALL),
    }
    return {service: dollars * HOURS for service, dollars in per_hour.items()}

"""Lambda handler of bracket-status."""

from functions.runtime import Job, JobFunction
from holdfast.jobs.brackets import JOB, check_brackets

handle = JobFunction(Job(JOB, check_brackets, lambda switches: switches.order_check_interval_seconds))

"""Lambda handler of reconcile-and-batch-execute."""

from functions.runtime import Job, JobFunction
from holdfast.jobs.execute import execute

handle = JobFunction(Job("execute", execute, lambda switches: switches.execution_interval_seconds))

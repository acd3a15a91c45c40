"""The execute function: reconcile-and-batch-execute, one tick per queue message."""

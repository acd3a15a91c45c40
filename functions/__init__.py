"""What is deployed: thin Lambda handlers around the jobs."""

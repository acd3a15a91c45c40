"""What is deployed: thin Lambda handlers around the jobs."""

import gc

# Python would look a hundred times for garbage among the classes that the imports make, a tenth of a cold start, and at
# each tick again. 50,000 new objects are a few megabytes.
gc.set_threshold(50_000, 20, 100)

"""Numbers that Holdfast promises, measured as ratios within one run. `python -m benchmarks` runs all of them."""

"""Everything that stands in for AWS and the venues on one machine, and the demo."""

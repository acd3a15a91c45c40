"""State behind one port with two adapters, DynamoDB and memory, and the repositories on top of it."""

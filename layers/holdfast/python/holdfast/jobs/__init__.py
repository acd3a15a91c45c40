"""The jobs as functions of (account, ports, clock). They know nothing of Lambda."""

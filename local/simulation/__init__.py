"""The seeded simulation: writers, stores, the venue and time in one process, interleaved and broken on purpose.

Every port call may give way to another writer, fail, lag, or end the writer; afterwards the invariants of design
section 1 are checked against the simulated venue's own books. A seed replays exactly:
`python -m local.simulation --seed N --trace`.
"""

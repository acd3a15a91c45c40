"""The seeded simulation: writers of both jobs, stores, the venue and time in one process, broken on purpose.

Every port call may give way to another writer, fail, lag, or end the writer; afterwards the invariants of design
section 1 are checked against the simulated venue's own books. What differs between venues is behind
`venue.SimulatedVenue`. A seed replays exactly: `python -m local.simulation --venue polymarket --seed N --trace`.
"""

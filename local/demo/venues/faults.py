"""What goes wrong with --faults: answers that are lost and server errors, before and after the effect."""

from local.venues.faults import Fault, FaultKind, Faults

# Of 1,000 requests, how many fail one way or another.
WRITES_PERMILLE = 120
READS_PERMILLE = 20
_KINDS = (FaultKind.TIMEOUT_BEFORE, FaultKind.TIMEOUT_AFTER, FaultKind.ERROR_BEFORE, FaultKind.ERROR_AFTER)


def sprinkle(faults: Faults, permille_of: dict[str, int]) -> None:
    """Add faults for endpoints, by pattern."""
    for endpoint, permille in permille_of.items():
        for kind in _KINDS:
            faults.add(Fault(kind, endpoint, times=0, chance_permille=permille // len(_KINDS)))

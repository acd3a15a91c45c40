"""What must not be so at the end of a demo; it decides the exit code, at every venue alike."""

from local.demo.account import DemoAccount
from local.demo.leftovers import leftovers
from local.demo.protection import protection_failures


def failures_of(account: DemoAccount) -> list[str]:
    """What is wrong with one account, in words; empty when all is well."""
    venue, comparison = account.venue, account.comparison()
    labels = {instrument.market: instrument.label for instrument in venue.instruments}
    found = list(comparison.problems)
    for pair in comparison.pairs:
        found += [f"{labels.get(pair.market, pair.market)}: {difference}" for difference in pair.differences]
    if wasted := len(account.tally.wasted_cancels):
        found.append(f"{wasted} cancels of orders whose end had been acknowledged")
    if left := len(leftovers(venue.books(), account.brackets)):
        found.append(f"{left} orders still rest at the exchange and protect nothing")
    found += protection_failures(account, account.ledger.lines())
    return [f"{venue.title}: {words}" for words in found]

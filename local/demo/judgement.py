"""What must not be so at the end of a demo; it decides the exit code, at every venue alike."""

from local.demo.account import DemoAccount


def failures_of(account: DemoAccount) -> list[str]:
    """What is wrong with one account, in words; empty when all is well."""
    venue, comparison = account.venue, account.comparison()
    labels = {instrument.market: instrument.label for instrument in venue.instruments}
    found = list(comparison.problems)
    for pair in comparison.pairs:
        found += [f"{labels.get(pair.market, pair.market)}: {difference}" for difference in pair.differences]
    if wasted := len(account.tally.wasted_cancels):
        found.append(f"{wasted} cancels of orders whose end had been acknowledged")
    if resting := len(venue.books().open_orders):
        found.append(f"{resting} orders still rest at the exchange")
    return [f"{venue.title}: {words}" for words in found]

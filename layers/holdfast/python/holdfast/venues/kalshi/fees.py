"""What Kalshi charges at most (facts kalshi section 9): 0.07 x p x (1 - p) a contract for taking, a quarter of that for
having rested, which only some series charge. Multipliers of series that are known only lower it; combos are left out.
"""

from decimal import Decimal

from holdfast.core.fees import FeeRate, FeeRates

HIGHEST = FeeRates(taker=FeeRate(of_odds=Decimal("0.07")), maker=FeeRate(of_odds=Decimal("0.0175")))

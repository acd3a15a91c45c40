"""The venue's other hosts, each below a path of its own: Gamma (market lists), the Data API (positions) and
the site (geoblock). Only what Holdfast asks of them (facts polymarket sections 2, 7, 8).
"""

from decimal import Decimal
from typing import Any

from holdfast.core.market import Side
from local.venues.http import Response, answer
from local.venues.polymarket import shapes
from local.venues.polymarket.accounts import User
from local.venues.polymarket.call import Call
from local.venues.polymarket.markets import Market
from local.venues.polymarket.wire import SCALE, ApiError, cursor_of, money_text, offset_of, price_text, size_text

_DUST = 100_000  # a tenth of a share
_LARGEST_PAGE = 500


def list_markets(call: Call) -> Response:
    """GET /gamma/markets: by condition_ids, clob_token_ids, slug and closed, with limit and offset."""
    limit, offset = _count(call, "limit", _LARGEST_PAGE), _count(call, "offset", 0)
    rows = _wanted(call)[offset : offset + min(limit, _LARGEST_PAGE)]
    return answer([shapes.gamma_market(row, call.state.now_ms) for row in rows])


def list_positions(call: Call) -> Response:
    """GET /data-api/v2/positions?user=: what the chain holds; dust below 0.1 shares is hidden unless asked for.

    It is asked for by filter_type=TOKENS and filter_amount, as the official SDK does. Whether an amount of 0 shows
    everything is not known: here it means the default.
    """
    user = call.state.by_wallet.get(call.parameter("user").lower())
    rows = _positions(call, user, _least_shown(call)) if user else []
    limit = min(_count(call, "limit", 100), _LARGEST_PAGE)
    offset = max(offset_of(call.parameter("cursor") or None), 0)
    following = cursor_of(offset + limit) if offset + limit < len(rows) else None
    pagination = {"has_more": following is not None, "next_cursor": following}
    return answer({"data": rows[offset : offset + limit], "pagination": pagination})


def get_geoblock(call: Call) -> Response:
    """GET /site/api/geoblock."""
    return answer(call.state.geoblock)


def _wanted(call: Call) -> list[Market]:
    names = ("condition_ids", "clob_token_ids", "slug")
    wanted = {name: set(call.request.query.get(name, [])) for name in names}
    closed = {"true": True, "false": False}.get(call.parameter("closed"))
    return [
        market
        for market in call.state.markets.values()
        if (closed is None or closed == (market.winner is not None))
        and (not wanted["condition_ids"] or market.condition_id in wanted["condition_ids"])
        and (not wanted["clob_token_ids"] or wanted["clob_token_ids"] & set(market.tokens))
        and (not wanted["slug"] or market.name in wanted["slug"])
    ]


def _positions(call: Call, user: User, least: int) -> list[dict[str, Any]]:
    rows = []
    for token, balance in user.tokens.items():
        if balance.settled < max(least, 1):
            continue
        market, outcome = call.state.by_token[token]
        rows.append(_position(user, market, outcome, balance.settled))
    return rows


def _position(user: User, market: Market, outcome: int, size: int) -> dict[str, Any]:
    """Position, amounts as JSON numbers. What was not bought here cost nothing; what sells realized is left out."""
    parts = [
        part
        for history in user.seen_trades.values()
        for part in history.latest.parts
        if part.user == user.name and part.token_id == market.tokens[outcome] and part.side is Side.BUY
    ]
    bought, paid = sum(part.size for part in parts), sum(part.size * part.price for part in parts)
    average = paid // bought if bought else 0
    price = market.payout(outcome) if market.winner is not None else market.best(outcome, Side.BUY) or 0
    cost, worth, fees = average * size, price * size, sum(part.fee for part in parts)
    texts = {
        "current_size": size_text(size),
        "total_size": size_text(bought),
        "avg_price": price_text(average),
        "current_price": price_text(price),
        "current_value": money_text(worth),
        "entry_cost_usdc": money_text(cost),
        "entry_fees_usdc": money_text(fees),
        "total_cost_usdc": money_text(cost + fees),
        "realized_pnl": "0",
        "unrealized_pnl": money_text(worth - cost),
        "total_pnl": money_text(worth - cost),
        "percent_pnl": "0",
        "percent_realized_pnl": "0",
    }
    return {
        "proxy_wallet": user.wallet,
        "token_id": market.tokens[outcome],
        "condition_id": market.condition_id,
        **{name: Decimal(text) for name, text in texts.items()},
        "outcome": market.spec.outcomes[outcome],
        "outcome_index": outcome,
        "opposite_token_id": market.tokens[1 - outcome],
        "status": "OPEN" if market.winner is None else "REDEEMABLE",
        "redeemable": market.winner is not None,
        "mergeable": False,
        "negative_risk": market.spec.neg_risk,
        "archived": False,
        "verified": True,
        "slug": market.name,
        "title": market.spec.question or market.name,
    }


def _least_shown(call: Call) -> int:
    """How much of a token must be held for its position to be listed, size units."""
    if call.parameter("filter_type") != "TOKENS":
        return _DUST
    try:
        asked = int(Decimal(call.parameter("filter_amount") or 0).scaleb(SCALE.size_decimals))
    except (ArithmeticError, ValueError):
        raise ApiError(422, "invalid filter_amount") from None
    return asked if asked > 0 else _DUST


def _count(call: Call, name: str, default: int) -> int:
    text = call.parameter(name)
    if text and not text.isdecimal():
        raise ApiError(422, f"invalid {name}")
    return int(text) if text else default

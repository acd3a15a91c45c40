"""Rows as the wire shows them (facts polymarket sections 2.2 and 4)."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha1
from typing import Any

from holdfast.core.market import Side
from local.venues.polymarket.accounts import User
from local.venues.polymarket.eip712 import DOMAINS
from local.venues.polymarket.markets import Market
from local.venues.polymarket.records import Credentials, Order, Part, Trade
from local.venues.polymarket.state import ExchangeState
from local.venues.polymarket.wire import ONE, SCALE, plain, price_text, size_text

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WORDS = {Side.BUY: "BUY", Side.SELL: "SELL"}


def order(state: ExchangeState, row: Order) -> dict[str, Any]:
    """OpenOrder. Sizes are decimal shares."""
    market = state.markets[row.market]
    return {
        "id": row.order_id,
        "status": row.status,
        "owner": row.api_key,
        "maker_address": row.maker,
        "market": market.condition_id,
        "asset_id": row.token_id,
        "side": _WORDS[row.side],
        "original_size": size_text(row.size),
        "size_matched": size_text(row.matched),
        "price": price_text(row.price),
        "outcome": market.spec.outcomes[row.outcome],
        "expiration": str(row.expiration_s),
        "order_type": row.order_type,
        "associate_trades": list(row.trades),
        "created_at": row.created_at_ms // 1_000,
    }


def trade(state: ExchangeState, viewer: User, row: Trade) -> dict[str, Any]:
    """Trade. Its own fields are the taker's, whoever looks; a maker finds itself among `maker_orders`."""
    market, taker = state.markets[row.market], row.taker
    is_taker = taker.user == viewer.name
    shown = taker if is_taker else next(part for part in row.makers if part.user == viewer.name)
    return {
        "id": row.trade_id,
        "taker_order_id": taker.order_id,
        "market": market.condition_id,
        "asset_id": taker.token_id,
        "side": _WORDS[taker.side],
        "size": size_text(taker.size),
        "fee_rate_bps": "0",
        "price": price_text(taker.price),
        "status": f"TRADE_STATUS_{row.status}",
        "match_time": str(row.matched_at_ms // 1_000),
        "match_time_nano": str(row.matched_at_ms * 1_000_000),
        "last_update": str(row.updated_at_ms // 1_000),
        "outcome": market.spec.outcomes[taker.outcome],
        "bucket_index": row.bucket,
        "owner": shown.api_key,
        "maker_address": shown.maker,
        "transaction_hash": row.transaction_hash,
        "trader_side": "TAKER" if is_taker else "MAKER",
        "maker_orders": [_maker(market, part) for part in row.makers],
    }


def book(market: Market, outcome: int, now_ms: int) -> dict[str, Any]:
    """OrderBookSummary: on both sides the best level comes last; `hash` is SHA-1 of the rest in this key order."""
    sides = {
        name: [{"price": price_text(price), "size": size_text(size)} for price, size in reversed(ladder)]
        for name, ladder in (
            ("bids", market.ladder(outcome, Side.BUY)),
            ("asks", market.ladder(outcome, Side.SELL)),
        )
    }
    found: dict[str, Any] = {
        "market": market.condition_id,
        "asset_id": market.tokens[outcome],
        "timestamp": str(now_ms),
        "hash": "",
        "bids": sides["bids"],
        "asks": sides["asks"],
        "min_order_size": size_text(market.min_size),
        "tick_size": price_text(market.tick),
        "neg_risk": market.spec.neg_risk,
        "last_trade_price": last_price(market, outcome),
    }
    compact = json.dumps(found, separators=(",", ":"), ensure_ascii=False).encode()
    return {**found, "hash": sha1(compact).hexdigest()}  # noqa: S324 - the venue's checksum


def last_price(market: Market, outcome: int) -> str:
    """The last trade's price, empty where there was none."""
    if not market.last_price:
        return ""
    return price_text(market.last_price if outcome == 0 else ONE - market.last_price)


def clob_market(market: Market) -> dict[str, Any]:
    """ClobMarketDetails, in its short keys."""
    fees = market.fees
    return {
        "t": [{"t": token, "o": name} for token, name in zip(market.tokens, market.spec.outcomes, strict=True)],
        "mos": _number(market.min_size, SCALE.size_decimals),
        "mts": _number(market.tick, SCALE.price_decimals),
        "mbf": 0,
        "tbf": 0,
        "itode": bool(market.spec.taker_delay_ms),
        "nr": market.spec.neg_risk,
        **({"fd": {"r": fees.rate, "e": fees.exponent, "to": True}} if fees.rate else {}),
    }


def gamma_market(market: Market, now_ms: int) -> dict[str, Any]:
    """A market as Gamma lists it: lists are JSON inside strings."""
    spec, winner = market.spec, market.winner
    names = ("clobTokenIds", "positionIds")
    tokens = {names[spec.version == "v2"]: json.dumps(list(market.tokens))}
    prices = [price_text(market.payout(outcome)) for outcome in (0, 1)] if winner is not None else ["0.5", "0.5"]
    closed = market.winner is not None
    return {
        "id": str(market.number),
        "version": spec.version,
        "conditionId": market.condition_id,
        "slug": spec.name,
        "question": spec.question or spec.name,
        "outcomes": json.dumps(list(spec.outcomes)),
        "outcomePrices": json.dumps(prices),
        **tokens,
        "active": True,
        "closed": closed,
        "archived": False,
        "acceptingOrders": market.is_open(now_ms),
        "enableOrderBook": True,
        "negRisk": spec.neg_risk,
        "startDate": iso(market.created_at_ms),
        "endDate": iso(market.close_at_ms) if market.close_at_ms else None,
        "closedTime": iso(market.resolved_at_ms) if closed else None,
        "orderPriceMinTickSize": _number(market.tick, SCALE.price_decimals),
        "orderMinSize": _number(market.min_size, SCALE.size_decimals),
        "feesEnabled": bool(market.fees.rate),
        "feeSchedule": {
            "exponent": market.fees.exponent,
            "rate": market.fees.rate,
            "takerOnly": True,
            "rebateRate": Decimal("0.2"),
        }
        if market.fees.rate
        else None,
        "umaResolutionStatus": "resolved" if closed else None,
        "volumeClob": _number(market.volume, SCALE.size_decimals),
        "bestBid": _maybe(market.best(0, Side.BUY)),
        "bestAsk": _maybe(market.best(0, Side.SELL)),
    }


def credentials(known: Credentials) -> dict[str, str]:
    """ApiKeyResponse."""
    return {"apiKey": known.api_key, "secret": known.secret, "passphrase": known.passphrase}


def spenders() -> list[str]:
    """The exchange contracts that need approvals."""
    return [domain.contract for domain in DOMAINS.values()]


def iso(at_ms: int) -> str:
    """UTC ms as RFC 3339."""
    return (_EPOCH + timedelta(milliseconds=at_ms)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _maker(market: Market, part: Part) -> dict[str, str]:
    return {
        "order_id": part.order_id,
        "owner": part.api_key,
        "maker_address": part.maker,
        "matched_amount": size_text(part.size),
        "price": price_text(part.price),
        "fee_rate_bps": "0",
        "asset_id": part.token_id,
        "outcome": market.spec.outcomes[part.outcome],
        "side": _WORDS[part.side],
    }


def _number(units: int, decimals: int) -> Decimal:
    return Decimal(plain(units, decimals))


def _maybe(price: int | None) -> Decimal | None:
    return None if price is None else _number(price, SCALE.price_decimals)

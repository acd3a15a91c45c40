"""Our relayer requests are the official SDK's, byte for byte; a byte that differs is a transaction nobody meant."""

import json
import subprocess
from pathlib import Path
from random import Random

import pytest

from holdfast.core.errors import InvalidInputError
from holdfast.venues.polymarket.contract_calls import condition_of, redeem_condition, redeem_position
from holdfast.venues.polymarket.relay_request import deposit_wallet_request, safe_request
from holdfast.venues.polymarket.signer import LocalSigner
from holdfast.venues.polymarket.typed_data import POLYGON, checksum_address
from local.environments import EnvironmentAbsentError, environment_python

CASES = 400
CLIENT = Path(__file__).parent / "polymarket_relay_client.py"


def random_call(chance: Random) -> dict[str, object]:
    if chance.random() < 0.5:
        return {"condition": f"0x{chance.getrandbits(256):064x}", "neg_risk": chance.random() < 0.5}
    raw = bytes([chance.choice((1, 2, 3))]) + chance.randbytes(18) + bytes(8) + chance.randbytes(4)
    number = int.from_bytes(raw + bytes([chance.randrange(2)]), "big")
    return {"position": str(number), "amount": chance.choice((1, 999_999, 10**6, chance.getrandbits(60)))}


def random_case(chance: Random, kind: str) -> dict[str, object]:
    return {
        "key": "0x" + chance.randbytes(32).hex(),
        "wallet": checksum_address(chance.randbytes(20)),
        "type": kind,
        "nonce": str(chance.choice((0, 1, 60, chance.getrandbits(40)))),
        "deadline": str(1_795_600_000 + chance.randrange(10**6)),
        "metadata": f"hf-redeem-{chance.getrandbits(96):024x}",
        "calls": [random_call(chance) for _ in range(chance.choice((1, 1, 2, 3)))],
    }


def ours(case: dict[str, object]) -> str:
    calls = [
        redeem_position(int(call["position"]), call["amount"])
        if "position" in call
        else redeem_condition(call["condition"], neg_risk=call["neg_risk"])
        for call in case["calls"]
    ]
    signer, wallet, nonce = LocalSigner(case["key"]), case["wallet"], int(case["nonce"])
    same = {"nonce": nonce, "chain_id": POLYGON, "metadata": case["metadata"]}
    if case["type"] == "SAFE":
        return safe_request(signer, wallet.lower(), calls, **same)
    return deposit_wallet_request(signer, wallet.lower(), calls, deadline_s=int(case["deadline"]), **same)


@pytest.mark.parametrize("kind", ["WALLET", "SAFE"])
def test_requests_are_the_sdks_byte_for_byte(kind: str) -> None:
    try:
        requirements = ["polymarket-client==0.14.0", "coincurve==21.0.0"]
        python = environment_python("polymarket-client-0.14.0-relay", requirements)
    except EnvironmentAbsentError as error:
        pytest.skip(f"the official SDK can't be installed here: {error}")
    chance = Random(f"relay {kind}")
    cases = [random_case(chance, kind) for _ in range(CASES)]
    done = subprocess.run(  # noqa: S603
        [str(python), str(CLIENT)], input=json.dumps(cases), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert [ours(case) for case in cases] == json.loads(done.stdout)


def test_condition_of_a_position_is_its_first_31_bytes() -> None:
    position = int.from_bytes(b"\x01" + bytes(range(18)) + bytes(8) + b"abcd" + b"\x01", "big")
    assert condition_of(position) == "0x01" + bytes(range(18)).hex() + "00" * 8 + b"abcd".hex()
    call = redeem_position(position, 5)
    assert call.data[4:35].hex() == condition_of(position)[2:]
    assert (call.data[35], call.data[67], call.data[-1]) == (0, 1, 5)


@pytest.mark.parametrize("position", [5, 1 << 248 | 7, 9 << 248 | 1])
def test_position_that_names_no_outcome_is_not_redeemed(position: int) -> None:
    with pytest.raises(InvalidInputError):
        redeem_position(position, 1)

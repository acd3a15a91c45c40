"""holdfast accounts derive-credentials: the API credentials of a Polymarket key, made by the venue's official SDK, or,
where the key is in AWS KMS and can't be given to it, by a login of our own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from cli.output import say
from cli.regions import stage_of
from cli.stage import DEFAULT_STAGE, StageOption
from holdfast.assembly import KMS_KEY, polymarket_signer
from holdfast.clock import SystemClock
from holdfast.core.errors import HoldfastError, InvalidInputError, StoreError
from holdfast.state.accounts import Account
from holdfast.venues.polymarket.login import api_key_of
from holdfast.venues.polymarket.settings import PolymarketSettings
from holdfast.venues.polymarket.signer import Signer
from holdfast.venues.transport import RequestsTransport

SDK = "polymarket-client==0.14.0"
_SCRIPT = Path(__file__).with_name("polymarket_sdk.py")
_MOST_SECONDS = 60
_FIELDS = ("api_key", "api_secret", "api_passphrase")


class SdkError(HoldfastError):
    """The SDK is absent, or failed. The message holds nothing secret."""


def derive_credentials(
    account: Annotated[str, typer.Argument(help="Which account.")],
    nonce: Annotated[int, typer.Option(help="Another number gives another API key of the same wallet key.")] = 0,
    replace: Annotated[bool, typer.Option("--replace", help="Replace the API credentials in the secret.")] = False,
    stage: StageOption = DEFAULT_STAGE,
) -> None:
    """Create a Polymarket account's API credentials with its key, in its secret or in AWS KMS, and write them into it.

    Those that the venue has for the key and the number already are derived again, so it can be repeated.
    """
    where = stage_of(stage, account)
    record = where.account(account)
    if record.venue != "polymarket":
        raise InvalidInputError(f"venue of account {account}", record.venue, "polymarket; others hand out their keys")
    fields = where.secrets.read(record.secret_name)
    if any(fields.get(name) for name in _FIELDS) and not replace:
        raise InvalidInputError(f"secret {record.secret_name}", "holds API credentials", "one without, or --replace")
    in_kms = KMS_KEY in record.options
    if not in_kms and not fields.get("private_key"):
        raise StoreError(f"secret {record.secret_name} lacks private_key")
    signer = polymarket_signer(record, where.secrets)
    if in_kms:
        made = _logged_in(record, signer, nonce)
    else:
        made = _asked(sdk_python(), {"key": fields["private_key"], "clob_url": record.base_url, "nonce": nonce})
    where.secrets.write(record.secret_name, made)
    say(f"account {account}: API key of {signer.address} written to secret {record.secret_name}")


def _logged_in(record: Account, signer: Signer, nonce: int) -> dict[str, str]:
    transport = RequestsTransport()
    settings = PolymarketSettings(
        record.account_id, record.options.get("wallet", signer.address), base_url=record.base_url
    )
    made = api_key_of(settings, signer, transport, SystemClock(), nonce)
    transport.close()
    return dict(zip(_FIELDS, (made.api_key, made.secret, made.passphrase), strict=True))


def sdk_python() -> Path:
    """The Python of the SDK's own environment. Raises SdkError that says how to make it."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    home = cache / "holdfast" / SDK.replace("==", "-")
    python = home / "bin" / "python"
    if not python.exists():
        # It can't be an extra of ours: the SDK needs a pycryptodome below 4.
        raise SdkError(
            f"the official SDK has no environment yet; make it: {sys.executable} -m venv {home} && {python} -m pip"
            f" install {SDK}"
        )
    return python


def _asked(python: Path, given: dict[str, object]) -> dict[str, str]:
    """What the SDK made of it. Its own words are shown where it refused, nothing of its traceback where it broke."""
    try:
        done = subprocess.run(  # noqa: S603
            [str(python), str(_SCRIPT)],
            input=json.dumps(given),
            capture_output=True,
            text=True,
            timeout=_MOST_SECONDS,
            check=False,
            env={"PATH": os.defpath},
        )
        answer = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        raise SdkError(f"the SDK gave no answer within {_MOST_SECONDS} s; nothing was written") from None
    except (OSError, ValueError):
        raise SdkError(f"the SDK broke down; is {SDK} installed for {python}?") from None
    if "error" in answer:
        raise SdkError(f"the venue or the SDK refused: {answer['error']}")
    return {name: str(answer[name]) for name in _FIELDS}

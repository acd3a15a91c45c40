"""Every command, and what becomes of its errors."""

import sys
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError
from typer.exceptions import Abort, TyperException

from cli import accounts, brackets, entries, markets, redeem, switches
from cli.account_sync import sync_accounts
from cli.credentials import derive_credentials
from cli.demo import demo
from cli.doctor import doctor
from cli.importing import import_positions
from cli.output import warn
from cli.regions import REGIONS_VARIABLE, choose
from cli.validate import validate
from holdfast.core.errors import ConditionFailedError, HoldfastError, InvalidInputError, SwitchesInvalidError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def in_regions(
    region: Annotated[
        str,
        typer.Option(
            metavar="REGION[,REGION]",
            envvar=REGIONS_VARIABLE,
            help="Work on these AWS regions alone; else on those of the accounts in ./cdk.json, else on AWS_REGION.",
        ),
    ] = "",
) -> None:
    """Holdfast: order execution and exit protection for trading bots."""
    choose(region)


accounts.app.command("derive-credentials")(derive_credentials)
accounts.app.command("sync")(sync_accounts)
app.add_typer(accounts.app, name="accounts")
app.add_typer(markets.app, name="markets")
app.add_typer(redeem.app, name="redeem")
app.add_typer(switches.app, name="switches")
app.add_typer(entries.app, name="entries")
app.add_typer(brackets.app, name="brackets")
app.command("enter")(entries.enter)
app.command("exit")(entries.leave)
app.command("import")(import_positions)
app.command("demo")(demo)
app.command("validate")(validate)
app.command("doctor")(doctor)


def run_command() -> None:
    """Run one command. Exit code 2: the input can't be used; 1: it failed for another reason. One line says why."""
    try:
        # Not standalone: Typer would print its own errors as a box of several lines.
        code = app(standalone_mode=False)
    except TyperException as error:
        _say_usage(error)
        sys.exit(error.exit_code)
    except (InvalidInputError, SwitchesInvalidError) as error:
        warn(str(error))
        sys.exit(2)
    except ConditionFailedError:
        warn("somebody else changed it at the same moment; look at it and try again")
        sys.exit(1)
    except (HoldfastError, BotoCoreError) as error:
        warn(str(error))
        sys.exit(1)
    except Abort:
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


def _say_usage(error: TyperException) -> None:
    """What was wrong with the words of the command, and whose help to read. Without a message help was shown."""
    words = " ".join(error.format_message().split())
    context = getattr(error, "ctx", None)
    if words and context is not None:
        words = f"{words.rstrip('.')} (see: {context.command_path} --help)"
    if words:
        warn(words)

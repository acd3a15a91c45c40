"""The stacks of one stage: `make synth` writes them as templates, `make deploy` makes them so."""

import sys
from typing import Any

import aws_cdk as cdk

from holdfast.core.errors import InvalidInputError
from infra.settings import deployment
from infra.stacks import make_stacks


def main(context: dict[str, Any] | None = None) -> int:
    """Synthesize what `cdk` hands on, or `context`. Returns 1 after one line on what is wrong with it."""
    app = cdk.App(context=context)
    try:
        wanted = deployment(app.node.get_all_context())
    except InvalidInputError as error:
        print(f"cdk.json: {error}", file=sys.stderr)
        return 1
    make_stacks(app, wanted)
    app.synth()
    return 0


if __name__ == "__main__":
    sys.exit(main())

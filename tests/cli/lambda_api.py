"""Lambda's own API over HTTP, in front of the real code of the functions: moto runs none without Docker."""

import json
import re
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

from local.aws.serving import ServerThread

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]

_REGION = re.compile(r"Credential=[^/]+/\d+/([a-z0-9-]+)/lambda/")
_CONFIGURATION = re.compile(r"/2015-03-31/functions/([^/]+)/configuration")
_INVOCATION = re.compile(r"/2015-03-31/functions/([^/]+)/invocations")


class LambdaApi:
    """The functions of every region: `functions[region, name]` is called by an invocation; None has no code.

    `fed`: whether event source mappings are on. `denied`: whether these credentials may invoke.
    """

    def __init__(self) -> None:
        self.functions: dict[tuple[str, str], Handler | None] = {}
        self.fed, self.denied = True, False
        self._server = ServerThread(self._answer, "lambda-api")

    @property
    def url(self) -> str:
        return self._server.url

    def close(self) -> None:
        self._server.close()

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        found = _REGION.search(environ["HTTP_AUTHORIZATION"])
        assert found is not None
        path = environ["PATH_INFO"]
        if path.startswith("/2015-03-31/event-source-mappings"):
            status, headers, body = 200, {}, {"EventSourceMappings": [{"State": "Enabled"}] if self.fed else []}
        elif named := _CONFIGURATION.fullmatch(path):
            status, headers, body = self._configuration(found[1], named[1])
        else:
            named = _INVOCATION.fullmatch(path)
            assert named is not None
            event = json.loads(environ["wsgi.input"].read())
            status, headers, body = self._invoked(found[1], named[1], event)
        start_response(f"{status} ?", [("Content-Type", "application/json"), *headers.items()])
        return [json.dumps(body).encode()]

    def _configuration(self, region: str, name: str) -> tuple[int, dict[str, str], dict[str, Any]]:
        if (region, name) not in self.functions:
            return 404, {"x-amzn-ErrorType": "ResourceNotFoundException"}, {"Message": f"Function not found: {name}"}
        return 200, {}, {"FunctionName": name, "State": "Active", "LastUpdateStatus": "Successful"}

    def _invoked(self, region: str, name: str, event: Any) -> tuple[int, dict[str, str], dict[str, Any]]:
        if self.denied:
            return 403, {"x-amzn-ErrorType": "AccessDeniedException"}, {"Message": "no lambda:InvokeFunction"}
        handler = self.functions[region, name]
        assert handler is not None
        context = SimpleNamespace(log_stream_name="stream-1", aws_request_id="r")
        try:
            return 200, {}, handler(event, context)
        except Exception as error:  # noqa: BLE001 - as Lambda does
            shown = {"errorType": type(error).__name__, "errorMessage": str(error), "stackTrace": []}
            return 200, {"X-Amz-Function-Error": "Unhandled"}, shown

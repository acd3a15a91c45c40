"""The parameters port: short texts that a person can change one by one, in SSM Parameter Store or in memory."""

from threading import Lock
from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from holdfast.core.errors import StoreError

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient


class Parameters(Protocol):
    """Texts by full name, e.g. "/holdfast/dev/all/halt". Holds no secrets. A call that failed raises StoreError."""

    def read(self, path: str) -> dict[str, str]:
        """Every text below `path`, by the rest of its name: read("/holdfast/dev/all") -> {"halt": "false"}."""
        ...

    def write(self, name: str, text: str) -> None:
        """Set one."""
        ...

    def remove(self, name: str) -> None:
        """Remove one. Removing what is not there is no error."""
        ...


class SsmParameters:
    """Parameters in SSM Parameter Store."""

    def __init__(self, client: "SSMClient") -> None:
        self._client = client

    def read(self, path: str) -> dict[str, str]:
        """Every text below `path`, all pages."""
        pages = self._client.get_paginator("get_parameters_by_path").paginate(
            Path=path, Recursive=True, WithDecryption=False
        )
        try:
            found = [parameter for page in pages for parameter in page["Parameters"]]
        except (ClientError, BotoCoreError) as error:
            raise StoreError(f"parameters below {path}: {type(error).__name__}: {error}") from error
        return {parameter["Name"].removeprefix(f"{path}/"): parameter["Value"] for parameter in found}

    def write(self, name: str, text: str) -> None:
        """Set one, whether it exists or not."""
        try:
            self._client.put_parameter(Name=name, Value=text, Type="String", Overwrite=True)
        except (ClientError, BotoCoreError) as error:
            raise StoreError(f"parameter {name}: {type(error).__name__}: {error}") from error

    def create(self, name: str, text: str, description: str) -> bool:
        """Make one that is not there. False where it is: it stays as it is, whoever wrote it and however lately."""
        try:
            self._client.put_parameter(Name=name, Value=text, Description=description, Type="String", Overwrite=False)
        except self._client.exceptions.ParameterAlreadyExists:
            return False
        except (ClientError, BotoCoreError) as error:
            raise StoreError(f"parameter {name}: {type(error).__name__}: {error}") from error
        return True

    def remove(self, name: str) -> None:
        """Remove one."""
        try:
            self._client.delete_parameter(Name=name)
        except self._client.exceptions.ParameterNotFound:
            return
        except (ClientError, BotoCoreError) as error:
            raise StoreError(f"parameter {name}: {type(error).__name__}: {error}") from error


class MemoryParameters:
    """Parameters in a dict, for tests and simulation; safe for threads."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._lock = Lock()

    def read(self, path: str) -> dict[str, str]:
        """Every text below `path`."""
        prefix = f"{path}/"
        with self._lock:
            found = dict(self._texts)
        return {name.removeprefix(prefix): text for name, text in found.items() if name.startswith(prefix)}

    def write(self, name: str, text: str) -> None:
        """Set one."""
        with self._lock:
            self._texts[name] = text

    def remove(self, name: str) -> None:
        """Remove one."""
        with self._lock:
            self._texts.pop(name, None)

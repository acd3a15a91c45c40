"""Layers and functions in a synthesized assembly: made here, without Docker, and not again where nothing changed."""

from pathlib import Path
from typing import Any

import pytest

aws_cdk = pytest.importorskip("aws_cdk", reason="dependency group infra is not installed")

from aws_cdk import App, Stack, aws_lambda  # noqa: E402

from infra import bundling  # noqa: E402
from infra.packaging import OURS, build, build_function, this_machine  # noqa: E402

HERE = this_machine()
FUNCTION = "signals"


@pytest.fixture(autouse=True)
def _no_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDK_DOCKER", "/nonexistent/docker")
    monkeypatch.setenv("CDK_VALIDATION", "false")


def synthesize(directory: Path) -> dict[str, Any]:
    app = App(outdir=str(directory))
    stack = Stack(app, "Stack")
    layer = aws_lambda.LayerVersion(stack, "Layer", code=bundling.layer_code(OURS, target=HERE))
    aws_lambda.Function(
        stack,
        "Function",
        runtime=aws_lambda.Runtime.PYTHON_3_13,
        handler=f"functions.{FUNCTION}.handler.handle",
        code=bundling.function_code(FUNCTION, target=HERE),
        layers=[layer],
    )
    resources: dict[str, Any] = app.synth().get_stack_by_name("Stack").template["Resources"]
    return resources


def content(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file()
    }


def test_assembly_has_what_the_build_makes_and_keeps_it_while_nothing_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resources = synthesize(tmp_path / "out")
    build(OURS, tmp_path / "layer", HERE)
    build_function(FUNCTION, tmp_path / "function", HERE)
    assets = sorted(path for path in (tmp_path / "out").glob("asset.*") if path.is_dir())
    assert sorted(map(content, assets), key=len) == [content(tmp_path / "function"), content(tmp_path / "layer")]

    def never(*_: object) -> None:
        raise AssertionError("nothing changed, so nothing is built")

    monkeypatch.setattr(bundling, "build", never)
    monkeypatch.setattr(bundling, "build_function", never)
    assert synthesize(tmp_path / "out") == resources


def test_whoever_deploys_is_told_of_layers_that_are_not_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("infra.packaging.find_interpreter", lambda _: "")
    synthesize(tmp_path / "out")
    assert "layer holdfast: no Python of its version is here" in capsys.readouterr().err

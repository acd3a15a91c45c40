"""Telemetry on AWS: structured log lines by Powertools' Logger, EMF metrics by its Metrics.

The Tracer is not imported: it costs 270 ms per cold start, and tracing is the platform's (facts aws section 2.2).
"""

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.metrics.exceptions import MetricUnitError, MetricValueError, SchemaValidationError

from holdfast.telemetry.port import Level, Unit

_UNITS = {Unit.COUNT: MetricUnit.Count, Unit.MILLISECONDS: MetricUnit.Milliseconds}


class PowertoolsTelemetry:
    """Events as JSON log lines, metrics as EMF lines of one namespace.

    Metrics of one set of dimensions are gathered and flushed together at `flush`. A metric that can't be written is
    counted in `failures` and logged; it never raises (facts aws section 5: one bad set poisons the shared provider).
    """

    def __init__(self, service: str, namespace: str) -> None:
        self._service = service
        self._namespace = namespace
        self._logger = Logger(service=service)
        self._values: dict[tuple[tuple[str, str], ...], list[tuple[str, Unit, int]]] = {}
        self.failures = 0

    def event(self, name: str, level: Level = Level.INFO, **fields: object) -> None:
        """Write one structured log line."""
        write = {Level.INFO: self._logger.info, Level.WARNING: self._logger.warning, Level.ERROR: self._logger.error}
        write[level](name, extra={"event": name, **{key: _plain(value) for key, value in fields.items()}})

    def metric(self, name: str, value: int, unit: Unit = Unit.COUNT, **dimensions: str) -> None:
        """Remember one value until the flush."""
        self._values.setdefault(tuple(sorted(dimensions.items())), []).append((name, unit, value))

    def flush(self) -> None:
        """Write every remembered metric as EMF."""
        gathered, self._values = self._values, {}
        for dimensions, values in gathered.items():
            metrics = Metrics(namespace=self._namespace, service=self._service)
            try:
                for key, text in dimensions:
                    metrics.add_dimension(key, text)
                for name, unit, value in values:
                    metrics.add_metric(name, _UNITS[unit], value)
                metrics.flush_metrics()
            except (SchemaValidationError, MetricUnitError, MetricValueError) as error:
                self.failures += 1
                metrics.clear_metrics()
                self._logger.warning("METRIC_FAILED", extra={"event": "METRIC_FAILED", "error": str(error)})


def _plain(value: object) -> object:
    return value if isinstance(value, str | int | bool | list | dict | tuple | None) else str(value)

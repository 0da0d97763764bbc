"""A stand-in for TensorRT's builder: as much of it as `export.builder` calls, in a process of its own.

The environment variable STAND_IN says how it behaves: "refuses" the graph, "fails" to build, or "dies".
"""

import enum
import os

__version__ = "10.3.0.26"
BEHAVIOUR = os.environ.get("STAND_IN", "")


class NetworkDefinitionCreationFlag(enum.IntEnum):
    EXPLICIT_BATCH = 0
    STRONGLY_TYPED = 1


class ProfilingVerbosity(enum.Enum):
    DETAILED = 2


class _Type(enum.Enum):
    FLOAT = 0


class ILogger:
    class Severity(enum.IntEnum):
        INTERNAL_ERROR = 0
        ERROR = 1
        WARNING = 2

    def __init__(self) -> None:
        pass


class IProgressMonitor:
    def __init__(self) -> None:
        pass


class _Tensor:
    dtype = _Type.FLOAT

    def __init__(self, name: str, shape: tuple[int, ...]) -> None:
        self.name, self.shape = name, shape


class _Network:
    num_inputs, num_outputs = 1, 3

    def get_input(self, _index: int) -> _Tensor:
        return _Tensor("image", (1, 3, 384, 512))

    def get_output(self, index: int) -> _Tensor:
        return (_Tensor("boxes", (48, 4)), _Tensor("scores", (48,)), _Tensor("masks", (48, 56, 56)))[index]


class _Fault:
    def desc(self) -> str:
        return "No importer registered for op: Strange"


class OnnxParser:
    num_errors = 1

    def __init__(self, network: _Network, logger: ILogger) -> None:
        pass

    def parse(self, data: bytes) -> bool:
        return len(data) > 1000 and BEHAVIOUR != "refuses"

    def get_error(self, _index: int) -> _Fault:
        return _Fault()


class _Config:
    profiling_verbosity = None
    progress_monitor = None


class Builder:
    def __init__(self, logger: ILogger) -> None:
        self._logger = logger

    def create_network(self, flags: int) -> _Network:
        assert flags == 1 << 1, "TensorRT 10: STRONGLY_TYPED is bit 1"
        return _Network()

    def create_builder_config(self) -> _Config:
        return _Config()

    def build_serialized_network(self, network: _Network, config: _Config) -> bytes | None:
        monitor = config.progress_monitor
        monitor.phase_start("Building engine", None, 2)
        monitor.step_complete("Building engine", 0)
        if BEHAVIOUR == "dies":
            os.abort()
        if BEHAVIOUR == "fails":
            self._logger.log(ILogger.Severity.ERROR, "Could not find any implementation for node X")
            return None
        monitor.phase_finish("Building engine")
        return b"a plan"

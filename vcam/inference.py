"""Networks run by ONNX Runtime, which is imported nowhere else.

A ``Net`` takes and gives numpy arrays by the graph's own names. The provider is chosen by a timed run, never
by its name in a list: an accelerator that is listed may fail to load, or lose to the CPU on a small network.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from vcam.errors import ModelCorrupt, ModelMissing, SwapError

Array = NDArray[np.float32]

CPU = "CPUExecutionProvider"
ACCELERATORS = ("CUDAExecutionProvider",)  # tried in this order
DEFAULT_THREADS = 2
WARM_UP_SIDE_PX = 320  # stands for a dimension that the graph leaves open; the detector's long side
TIMED_RUNS = 3

# ONNX Runtime's exceptions have no common parent but Exception.
_state = ort.capi.onnxruntime_pybind11_state
_ERRORS: tuple[type[Exception], ...] = (
    _state.EPFail, _state.Fail, _state.InvalidArgument, _state.InvalidGraph, _state.InvalidProtobuf, _state.NoModel,
    _state.NoSuchFile, _state.NotImplemented, _state.RuntimeException, RuntimeError, ValueError,
)  # fmt: skip
_LOAD_ERRORS: tuple[type[Exception], ...] = (*_ERRORS, SwapError)  # the first run belongs to the loading
_REPAIR = "install facewarp-cam again, or give another folder with --models"


class Net:
    """A loaded, warm network.

    Attributes:
        name: the file's name without its ending.
        provider: what really runs it, for example ``CPUExecutionProvider``.
        inputs: the inputs' shapes by name; a dimension that is left open is None.
        outputs: the outputs' names, in the graph's order.
    """

    def __init__(self, session: ort.InferenceSession, name: str) -> None:
        self._session = session
        self.name = name
        self.provider: str = session.get_providers()[0]
        self.inputs: dict[str, tuple[int | None, ...]] = {
            node.name: tuple(size if isinstance(size, int) else None for size in node.shape)
            for node in session.get_inputs()
        }
        self.outputs: tuple[str, ...] = tuple(node.name for node in session.get_outputs())

    def run(self, **inputs: Array) -> dict[str, Array]:
        """Run the network once.

        Args:
            **inputs: one float32 array for each of the graph's inputs.

        Returns:
            The outputs by name.

        Raises:
            SwapError: the run failed, for instance for want of memory, or an input has the wrong shape.
        """
        try:
            return dict(zip(self.outputs, self._session.run(None, inputs), strict=True))
        except _ERRORS as error:
            shapes = {key: value.shape for key, value in inputs.items()}
            raise SwapError(f"the network {self.name} failed on {self.provider} with {shapes}: {error}") from error

    def time_run(self, runs: int = TIMED_RUNS) -> float:
        """Seconds of the fastest of a few runs on grey input, after one that warms the network up.

        Args:
            runs: how many are timed; with 0, the network is only warmed up.
        """
        grey = {
            name: np.zeros([WARM_UP_SIDE_PX if size is None else size for size in shape], np.float32)
            for name, shape in self.inputs.items()
        }
        self.run(**grey)
        best = np.inf
        for _ in range(runs):
            began = time.perf_counter()
            self.run(**grey)
            best = min(best, time.perf_counter() - began)
        return float(best)


def open_session(path: Path, threads: int = DEFAULT_THREADS, accelerators: tuple[str, ...] = ACCELERATORS) -> Net:
    """Load a network, warm it up, and choose the fastest provider that really runs it.

    Args:
        path: the ONNX file.
        threads: cores that one run may use.
        accelerators: ONNX Runtime's provider names that are tried beside the CPU; empty for the CPU alone.

    Raises:
        ModelMissing: there is no such file.
        ModelCorrupt: the file is no network that ONNX Runtime can run.
    """
    if not path.is_file():
        raise ModelMissing(f"the model file {path} is missing; {_REPAIR}")
    tried = [provider for provider in accelerators if provider in ort.get_available_providers()]
    try:
        best = Net(_load(path, threads, CPU), path.stem)
        best_s = best.time_run(TIMED_RUNS if tried else 0)  # with nothing to compare to, the start need not wait
    except _LOAD_ERRORS as error:
        raise ModelCorrupt(f"the model file {path} cannot be run ({error}); {_REPAIR}") from error
    for provider in tried:
        try:
            net = Net(_load(path, threads, provider), path.stem)
            seconds = net.time_run() if net.provider == provider else np.inf
        except _LOAD_ERRORS:
            continue  # listed, but does not work here: what has been found so far stands
        if seconds < best_s:
            best, best_s = net, seconds
    return best


def _load(path: Path, threads: int, provider: str) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # A spinning thread pool burns the second core between frames, which the camera and the blending need.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    options.log_severity_level = 4  # failures arrive as exceptions; the log would print them a second time
    providers = [provider] if provider == CPU else [provider, CPU]
    return ort.InferenceSession(str(path), options, providers=providers)

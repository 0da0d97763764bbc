"""What the machine is and has."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tests.gpu.rows import Figure, NotRun, Report

PACKAGES = (
    *("torch", "torchvision", "torch_tensorrt", "tensorrt", "tensorrt_rtx_cu13"),
    *("onnxruntime", "onnxruntime-gpu", "pycuda", "cuda-python", "numpy"),
)
QUERY = "name,driver_version,compute_cap,memory.total,clocks.max.sm,power.limit"


def why_no_gpu() -> str | None:
    """Why there is no GPU to run on, or None; asks the driver alone, so that no library is needed."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return "no GPU: there is no CUDA driver (libcuda.so.1)"
    status = driver.cuInit(0)
    if status != 0:
        return f"no GPU: the CUDA driver does not start (error {status})"
    count = ctypes.c_int()
    if driver.cuDeviceGetCount(ctypes.byref(count)) != 0 or count.value == 0:
        return "no GPU: the CUDA driver sees none"
    return None


def compute_capability() -> str:
    """Of the first GPU, e.g. "90"; only where `why_no_gpu` has nothing to say."""
    driver = ctypes.CDLL("libcuda.so.1")
    driver.cuInit(0)
    device, major, minor = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    driver.cuDeviceGet(ctypes.byref(device), 0)
    for attribute, value in ((75, major), (76, minor)):  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, _MINOR
        driver.cuDeviceGetAttribute(ctypes.byref(value), attribute, device)
    return f"{major.value}{minor.value}"


def tell_machine(report: Report) -> None:
    """One row on the GPU and one on the software."""
    software: dict[str, Figure] = {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "CPUs": os.cpu_count() or 0,
        "Python": sys.version.split()[0],
        **{name: found for name in PACKAGES if (found := _version(name))},
        "nvcc": _first(["nvcc", "--version"], r"release ([\d.]+)") or "missing",
        "cmake": _first(["cmake", "--version"], r"version ([\d.]+)") or "missing",
    }
    report.add("machine", "software", software)
    report.attempt("machine", "GPU", lambda: _tell_gpu(report))


def _tell_gpu(report: Report) -> None:
    if reason := why_no_gpu():
        raise NotRun(reason)
    figures: dict[str, Figure] = {"SM": compute_capability()}
    told = _first(["nvidia-smi", f"--query-gpu={QUERY}", "--format=csv,noheader"], r"(.+)")
    if told:
        figures |= dict(zip(QUERY.split(","), (part.strip() for part in told.split(",")), strict=False))
    jetson = Path("/etc/nv_tegra_release")
    if jetson.exists():
        figures["Jetson Linux"] = jetson.read_text().splitlines()[0]
    if importlib.util.find_spec("torch"):
        import torch

        figures["torch.version.cuda"] = str(torch.version.cuda)
        if torch.cuda.is_available():
            figures["L2 MiB"] = getattr(torch.cuda.get_device_properties(0), "L2_cache_size", 0) / 2**20
    report.add("machine", "GPU", figures)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:  # a Jetson's own TensorRT has no record of its installation
        return "there, version unknown" if importlib.util.find_spec(package.replace("-", "_")) else None


def _first(command: list[str], pattern: str) -> str | None:
    """What the pattern finds in the command's output, None if there is no such command or it fails."""
    if shutil.which(command[0]) is None:
        return None
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    found = re.search(pattern, run.stdout) if run.returncode == 0 else None
    return found[1] if found else None

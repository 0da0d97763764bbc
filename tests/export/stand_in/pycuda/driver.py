"""A stand-in for the driver: one GPU, or none if STAND_IN is "no GPU"."""

import os


class Error(Exception):
    pass


class device_attribute:  # noqa: N801 (pycuda's name)
    INTEGRATED = 18


class Device:
    def __init__(self, _index: int) -> None:
        pass

    @staticmethod
    def count() -> int:
        return 0 if os.environ.get("STAND_IN") == "no GPU" else 1

    def name(self) -> str:
        return "Stand-in GPU"

    def compute_capability(self) -> tuple[int, int]:
        return 8, 7

    def get_attribute(self, _attribute: int) -> int:
        return 1

    def retain_primary_context(self) -> None:
        raise AssertionError("the builder's thread must not get a context from us")


def init() -> None:
    pass


def get_driver_version() -> int:
    return 12060

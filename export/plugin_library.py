"""Where the compiled plugin library is."""

from __future__ import annotations

import os
from pathlib import Path

from edge.errors import BackendMissingError, ConfigurationError

NAME = "libleukoedge_plugin.so"
VARIABLE = "LEUKOEDGE_PLUGIN"
BUILD = "make plugin"
_IN_REPOSITORY = Path("build", "plugin", "export", "plugin", NAME)
_BUILT = Path(__file__).resolve().parents[1] / _IN_REPOSITORY
_INSTALLED = tuple(
    Path(folder) / NAME
    for prefix in ("/usr/local", "/usr")
    for folder in (f"{prefix}/lib", f"{prefix}/lib64", *sorted(map(str, Path(prefix, "lib").glob("*-linux-gnu"))))
)


def find_plugin_library(given: Path | None = None) -> Path:
    """The library that was named, by option or by environment, or the one that was built or installed.

    Raises
    ------
    ConfigurationError : the one named does not exist
    BackendMissingError : none is there
    """
    named = given or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    if named is not None:
        if not named.is_file():
            raise ConfigurationError(f"the plugin library {named} does not exist; build it with `{BUILD}`")
        return named.resolve()
    for path in (_BUILT, Path.cwd() / _IN_REPOSITORY, *_INSTALLED):
        if path.is_file():
            return path
    raise BackendMissingError(
        f"the plugin library {NAME} is not built; run `{BUILD}` in the repository (CMake, a C++ compiler and nvcc are "
        "needed), name one with --plugin-library FILE, or build without it by --plain"
    )

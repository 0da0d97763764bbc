"""Logging of the programs: text for people, JSON lines for machines."""

from __future__ import annotations

import json
import logging
from typing import Literal, TextIO

from edge.progress import CLEAR_LINE

LogFormat = Literal["text", "json"]


class JsonLines(logging.Formatter):
    """One JSON object per record: time (Unix seconds), level, logger, message."""

    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "time": round(record.created, 3),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False)


def configure_logging(level: str, log_format: LogFormat, stream: TextIO) -> None:
    """Send the log of the package `edge` to `stream`; called once, by a program, never by an import."""
    handler = logging.StreamHandler(stream)
    if log_format == "json":
        handler.setFormatter(JsonLines())
    else:
        clear = CLEAR_LINE if stream.isatty() else ""  # the progress line stands there
        handler.setFormatter(logging.Formatter(f"{clear}%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S"))
    logger = logging.getLogger("edge")
    logger.handlers = [handler]
    logger.setLevel(level.upper())
    logger.propagate = False

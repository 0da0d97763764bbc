"""The sinks that the settings ask for."""

from __future__ import annotations

import logging
import sys
import threading
from contextlib import ExitStack
from dataclasses import dataclass

from edge.cameras.protocol import Camera
from edge.config import OFF, Settings
from edge.draw import OverlayStyle, parse_layers
from edge.link.body import ResultContext
from edge.metrics import Counters
from edge.progress import Progress
from edge.quality import QualityWarnings
from edge.segmenters.protocol import Segmenter
from edge.sinks.overlay import Overlay
from edge.sinks.protocol import Sink
from edge.sinks.publish import Publisher, PublishOptions
from edge.sinks.record import Recorder

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkContext:
    """What sinks need to know of the run; `stop` ends it."""

    settings: Settings
    segmenter: Segmenter
    camera: Camera
    counters: Counters
    stop: threading.Event

    @property
    def results(self) -> ResultContext:
        return ResultContext(
            spec=self.segmenter.spec,
            sha256=self.segmenter.sha256,
            backend=self.segmenter.backend,
            um_per_px=self.settings.calib.um_per_px,
        )

    @property
    def style(self) -> OverlayStyle:
        return OverlayStyle(
            layers=parse_layers(self.settings.overlay.layers),
            alpha=self.settings.overlay.alpha,
            um_per_px=self.settings.calib.um_per_px,
            classes=self.segmenter.spec.classes,
        )


def open_sinks(context: SinkContext, stack: ExitStack) -> list[Sink]:
    """Open each sink and leave its closing to `stack`; those that may end the run come first in the result.

    The recorder is opened after what may fail for want of a display or a port, so that such a start leaves no empty
    recording behind that the next start would refuse.
    """
    sinks: list[Sink] = []
    for opener in (_open_overlay, _open_publisher, _open_recorder, _open_warnings, _open_progress):
        sink = opener(context)
        if sink is not None:
            stack.callback(sink.close)
            sinks.append(sink)
    return sorted(sinks, key=lambda sink: not sink.required)


def _open_recorder(context: SinkContext) -> Sink | None:
    section = context.settings.record
    if section.dir is None:
        return None
    style = context.style if section.pictures else None
    return Recorder(section.dir, context.results, lambda: context.counters.snapshot().dropped, style)


def _open_publisher(context: SinkContext) -> Sink | None:
    section = context.settings.publish
    if section.endpoint == OFF:
        return None
    options = PublishOptions(
        endpoint=section.endpoint,
        images_endpoint=None if section.images_endpoint == OFF else section.images_endpoint,
        rig=section.rig,
        camera=context.camera.name,
        camera_mode=context.camera.negotiated,
        encoding=section.encoding,
        insecure_bind=section.insecure_bind,
        threshold=context.settings.model.threshold,
    )
    publisher = Publisher(options, context.results, context.counters.snapshot)
    log.info("results on %s, pictures on %s", publisher.endpoint, publisher.images_endpoint or "no socket")
    return publisher


def _open_overlay(context: SinkContext) -> Sink | None:
    if context.settings.overlay.headless:
        return None
    return Overlay(context.style, context.stop)


def _open_warnings(_: SinkContext) -> Sink:
    return QualityWarnings()


def _open_progress(context: SinkContext) -> Sink:
    return Progress(context.counters, sys.stderr)

"""The publisher: results and pictures for whoever subscribes, without ever holding up the loop."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version

from edge.errors import ConfigurationError
from edge.link.body import ResultContext
from edge.link.endpoint import check_endpoint
from edge.link.image_publisher import ImagePublisher
from edge.link.messages import (
    DEFAULT_ENDPOINT,
    DEFAULT_IMAGES_ENDPOINT,
    IMAGES_BUFFER_BYTES,
    IMAGES_HIGH_WATER_MARK,
    RESULTS_HIGH_WATER_MARK,
    Encoding,
    HelloBody,
)
from edge.link.result_publisher import FrameAccount, ResultPublisher
from edge.link.sender import Sender
from edge.link.xpub import Depth, XpubSocket
from edge.types import SegmentedFrame

_NAME = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishOptions:
    """How to publish.

    Attributes
    ----------
    endpoint : where results are bound; port `*` takes a free one
    images_endpoint : where pictures are bound; None publishes none
    rig, camera : names for the topics, [A-Za-z0-9_-]+
    camera_mode : the camera's mode in words, for the hello
    encoding : of the bodies
    insecure_bind : allow addresses that other machines can reach
    jpeg_quality, image_max_width_px : of the pictures
    threshold : score threshold in force, for the hello; None means the model's own
    status_interval_s : time between two status messages
    """

    endpoint: str = DEFAULT_ENDPOINT
    images_endpoint: str | None = DEFAULT_IMAGES_ENDPOINT
    rig: str = "rig"
    camera: str = "camera"
    camera_mode: str = ""
    encoding: Encoding = "json"
    insecure_bind: bool = False
    jpeg_quality: int = 85
    image_max_width_px: int = 1024
    threshold: float | None = None
    status_interval_s: float = 1.0


class Publisher:
    """A best-effort sink that publishes on ZeroMQ (see `docs/wire-format.md`).

    Two threads, one for each socket, do all the work; `write` only hands over.

    Attributes
    ----------
    endpoint, images_endpoint : the bound addresses, wildcard ports resolved; None where no pictures are published
    session : UUID that marks the messages of this publisher
    """

    name = "publish"
    required = False

    def __init__(self, options: PublishOptions, context: ResultContext, accounting: Callable[[], FrameAccount]) -> None:
        """Bind the sockets and start.

        Parameters
        ----------
        context : the model and the scale; its `drops` are replaced by those of `accounting` for each result
        accounting : gives a consistent snapshot of the loop's counters; called from another thread

        Raises
        ------
        ConfigurationError
            for a name or an address that cannot be used
        EndpointInUseError
            if somebody else listens on the address
        """
        _check_names(options)
        self.session = str(uuid.uuid4())
        results, images = _open_sockets(options)
        self.endpoint = results.endpoint
        self.images_endpoint = None if images is None else images.endpoint
        self._results = ResultPublisher(
            results, self._sender(options), self._hello(options, context), context, accounting
        )
        self._images = (
            None
            if images is None
            else ImagePublisher(images, self._sender(options), options.jpeg_quality, options.image_max_width_px)
        )

    def write(self, result: SegmentedFrame) -> None:
        """Hand a result over; returns at once, whatever the subscribers do."""
        self._results.put(result)
        if self._images is not None:
            self._images.put(result.frame)

    def close(self) -> None:
        """Send what is queued and the `stopping` event; takes little over a second at most. Safe to call twice."""
        self._results.stop()
        if self._images is not None:
            self._images.close()
        self._results.close()

    @property
    def dropped(self) -> int:
        """Results that were skipped because the publisher did not keep up or failed."""
        return self._results.dropped + self._results.failed

    def _sender(self, options: PublishOptions) -> Sender:
        return Sender(rig=options.rig, camera=options.camera, session=self.session, encoding=options.encoding)

    def _hello(self, options: PublishOptions, context: ResultContext) -> HelloBody:
        return HelloBody(
            software=f"leukoedge {version('leukoedge')}",
            camera_mode=options.camera_mode,
            model=context.model,
            classes=context.spec.classes,
            threshold=context.spec.threshold if options.threshold is None else options.threshold,
            um_per_px=context.um_per_px,
            images_endpoint=self.images_endpoint,
            status_interval_s=options.status_interval_s,
            started_t_ns=time.time_ns(),
        )


def _check_names(options: PublishOptions) -> None:
    for setting, value in (("rig", options.rig), ("camera", options.camera)):
        if not _NAME.fullmatch(value):
            raise ConfigurationError(
                f"the {setting} name {value!r} cannot be part of a topic; use letters, digits, '-' and '_' only"
            )


def _open_sockets(options: PublishOptions) -> tuple[XpubSocket, XpubSocket | None]:
    """Both sockets or none."""
    endpoint = check_endpoint(options.endpoint, insecure_bind=options.insecure_bind)
    if options.images_endpoint is None:
        return XpubSocket(endpoint, Depth(messages=RESULTS_HIGH_WATER_MARK)), None
    images_endpoint = check_endpoint(options.images_endpoint, insecure_bind=options.insecure_bind)
    with ExitStack() as opened:
        results = XpubSocket(endpoint, Depth(messages=RESULTS_HIGH_WATER_MARK))
        opened.callback(results.close)
        depth = Depth(messages=IMAGES_HIGH_WATER_MARK, kernel_bytes=IMAGES_BUFFER_BYTES)
        images = XpubSocket(images_endpoint, depth)
        opened.pop_all()
    return results, images

"""Writes `messages.jsonl`: messages whose bytes must never change their meaning.

Run `python -m tests.golden.write_golden` only to *add* messages; a change of an old line breaks somebody's reader.
The masks come from pycocotools and the areas from the bitmaps, so that neither leans on the code under test.
Each line: `name`, `reads` (what a version 1 reader makes of it: a type, "refused" or "unknown"), `parts` (base64) and,
for results, `areas` in px.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from pycocotools import mask as coco

MESSAGES = Path(__file__).with_name("messages.jsonl")
HEIGHT, WIDTH = 12, 16
MODEL = {"name": "leukocytemask-edge", "sha256": "0f" * 32, "precision": "fp32", "backend": "onnxruntime-cpu"}
# A grey picture of 8x6 px, kept as bytes because JPEG encoders differ.
TINY_JPEG = (
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABALDA4MChAODQ4SERATGCgaGBYWGDEjJR0oOjM9PDkzODdASFxOQERXRTc4UG1RV19iZ2hnPk1x"
    "eXBkeFxlZ2P/wAALCAAGAAgBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAABv/EAB8QAAEDAwUAAAAAAAAAAAAAAAECAwQSITEABRETkf/aAAgB"
    "AQAAPwAQ2/FTt7jK4dclSuUSO0igWtTg4Puv/9k="
)


def bitmaps() -> dict[str, np.ndarray]:
    """Masks that are easy to get wrong, bool [HEIGHT, WIDTH]."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    one = np.zeros((HEIGHT, WIDTH), bool)
    one[4, 7] = True
    return {
        "disc": np.hypot(rows - 5, columns - 8) < 4,
        "one_pixel": one,
        "everything": np.ones((HEIGHT, WIDTH), bool),
        "frame": (rows == 0) | (rows == HEIGHT - 1) | (columns == 0) | (columns == WIDTH - 1),
        "nothing": np.zeros((HEIGHT, WIDTH), bool),
        "noise": np.random.default_rng(1).random((HEIGHT, WIDTH)) < 0.5,
    }


def header(kind: str, seq: int = 0, **changes: Any) -> dict[str, Any]:
    about_frame = kind in {"result", "frame"}
    return {
        "schema": f"wbc.{kind}",
        "v": 1,
        "rig": "lab-1",
        "camera": "smear",
        "session": "6f1c1e4e-3a54-4b6e-9d53-0f3f0a3b7c11",
        "seq": seq,
        "frame": seq if about_frame else None,
        "t_capture_ns": 1_750_000_000_000_000_000 + seq,
        "t_mono_ns": 5_000_000_000 + seq,
        "clock": "host",
        "enc": "json",
        "parts": [],
    } | changes


def cell(index: int, bitmap: np.ndarray) -> dict[str, Any]:
    rows, columns = np.nonzero(bitmap)
    area = len(rows)
    box = [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1] if area else [3, 4, 5, 6]
    centroid = [columns.mean() + 0.5, rows.mean() + 0.5] if area else [5.5, 7.0]
    edge = bitmap[0].any() or bitmap[-1].any() or bitmap[:, 0].any() or bitmap[:, -1].any()
    counts = coco.encode(np.asfortranarray(bitmap.astype(np.uint8)))["counts"].decode()
    return {
        "id": index,
        "label": "wbc",
        "score": 0.9,
        "bbox": [float(value) for value in box],
        "mask": {"size": [HEIGHT, WIDTH], "counts": counts},
        "centroid_px": [round(float(value), 3) for value in centroid],
        "area_px": area,
        "area_um2": area * 0.25,
        "touches_border": bool(edge),
    }


def result_body(masks: list[np.ndarray], **changes: Any) -> dict[str, Any]:
    return {
        "source": "neut/ž 001.jpg",
        "image": {"width": WIDTH, "height": HEIGHT, "um_per_px": 0.5},
        "model": MODEL,
        "calib": {"id": None, "applied": []},
        "stage": None,
        "quality": {"focus": 41.5, "clip_hi": 0.01, "bg_rgb": [231, 214, 226], "countable": True, "reasons": []},
        "truncated": False,
        "cells": [cell(index, bitmap) for index, bitmap in enumerate(masks)],
        "timing_ms": {"queue": 0.5, "pre": 1.25, "infer": 30.0, "post": 0.75, "total": 32.5},
        "drops": {"oldest": 2},
    } | changes


def hello_body() -> dict[str, Any]:
    return {
        "software": "leukoedge 0.1.0",
        "camera_mode": "asked 2048x1536@30, got 2048x1536@30",
        "model": MODEL,
        "classes": ["wbc"],
        "threshold": 0.5,
        "um_per_px": 0.5,
        "images_endpoint": "tcp://127.0.0.1:5572",
        "status_interval_s": 1.0,
        "started_t_ns": 1_750_000_000_000_000_000,
    }


def status_body() -> dict[str, Any]:
    frames = {"captured": 12, "segmented": 9, "dropped": {"oldest": 2}, "failed": 1}
    return {"uptime_s": 3.0, "fps": 3.0, "subscribers": 1, "frames": frames, "unpublished": 0}


def messages() -> list[tuple[str, str, dict[str, Any], dict[str, Any], list[bytes]]]:
    """Name, what reading it gives, header, body, blobs."""
    masks = list(bitmaps().values())
    stage = {"x_um": 1.0, "y_um": -2.5, "z_um": 0.0, "moving": False, "t_ns": 5}
    later = {"cells": [cell(0, masks[0]) | {"cell_uid": "a"}], "added_later": 1}
    image = header("frame", 3, parts=[{"name": "image", "type": "image/jpeg"}])
    image_body = {"source": "s", "width": 8, "height": 6, "source_width": WIDTH, "source_height": HEIGHT}
    return [
        ("hello", "hello", header("hello"), hello_body(), []),
        ("status", "status", header("status"), status_body(), []),
        ("result_without_cells", "result", header("result", 0), result_body([]), []),
        ("result_with_every_kind_of_mask", "result", header("result", 1), result_body(masks), []),
        ("result_as_msgpack", "result", header("result", 2, enc="msgpack"), result_body(masks), []),
        ("result_with_stage", "result", header("result", 3), result_body([], stage=stage, quality=None), []),
        ("result_with_fields_of_a_later_release", "result", header("result", 4, more=1), result_body([]) | later, []),
        ("event_stopping", "event", header("event"), {"type": "stopping", "message": "the rig stops"}, []),
        ("frame", "frame", image, image_body, [base64.b64decode(TINY_JPEG)]),
        ("type_of_a_later_release", "unknown", header("novelty"), {}, []),
        ("version_2", "refused", header("result", v=2), {"cells": "something else"}, []),
    ]


def write_messages(path: Path) -> None:
    lines = []
    for name, reads, head, body, blobs in messages():
        payload = msgspec.json.encode(body) if head["enc"] == "json" else msgspec.msgpack.encode(body)
        topic = f"wbc/{head['v']}/{head['rig']}/{head['camera']}/{head['schema'].removeprefix('wbc.')}"
        parts = [topic.encode(), msgspec.json.encode(head), payload, *blobs]
        line: dict[str, Any] = {"name": name, "reads": reads, "parts": [base64.b64encode(p).decode() for p in parts]}
        if reads == "result":
            line["areas"] = [one["area_px"] for one in body["cells"]]
        lines.append(json.dumps(line))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write_messages(MESSAGES)

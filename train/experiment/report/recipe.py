"""How a run was made, in words."""

from __future__ import annotations

from typing import Any


def describe(given: dict[str, Any]) -> str:
    """What a run was asked for (`given` of its settings.json); empty if that is not known."""
    if not given:
        return ""
    if "training" not in given:
        return "settings searched on the training part, no learning"
    t, networks = given["training"], given.get("networks", {})
    words = [
        f"{t['epochs']} epochs in batches of {t['batch'] * given.get('processes', 1)}",
        f"{t['optimizer']} at {t['learning_rate']:g}, {t['schedule']}",
        f"weights averaged at {t['ema']:g}" if t["ema"] else "weights of the last step",
        f"gradient clipped at {t['clip_norm']:g}" if t["clip_norm"] else "gradient not clipped",
        t.get("precision", "float32"),
        f"input {given['input_px']} px",
    ]
    if given["method"] == "unet":
        words.append(f"first level {networks['unet_width']} channels wide")
    if given["method"] == "fcn":
        words.append(f"first level {networks['fcn_width']} channels wide, fc layers {networks['fcn_fc_channels']}")
    return "; ".join(words)

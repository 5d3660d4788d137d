"""
A picture of what C{soak.py} has measured: C{soakplot.py ROWS.jsonl PICTURE.svg}.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update(
    {
        "svg.fonttype": "none",  # text stays text
        "svg.hashsalt": "twistedcam",
        "font.sans-serif": ["DejaVu Sans"],
        "font.size": 8,
    }
)

from matplotlib import pyplot  # noqa: E402

#: By panel: its label, and the curves: their label, and what they show of a row.
PANELS: list[tuple[str, list[tuple[str, Any]]]] = [
    (
        "memory, MiB",
        [("RSS", lambda row: row["rss"] / 2**20), ("USS", lambda r: r["uss"] / 2**20)],
    ),
    (
        "CPU, % of one core",
        [
            ("the service", lambda row: row["cpu"]),
            ("cameras and viewers", lambda row: row["others"]),
            ("the service waits for one", lambda row: row["waited"]),
        ],
    ),
    (
        "files, threads",
        [
            ("file descriptors", lambda r: r["files"]),
            ("threads", lambda r: r["threads"]),
        ],
    ),
    ("latency, ms", [("p50", lambda row: row["p50"]), ("p99", lambda row: row["p99"])]),
    (
        "since the beginning",
        [
            ("camera reboots", lambda row: row["reboots"]),
            ("reconnects", lambda row: row["reconnects"]),
            ("packets lost for good", lambda row: row["lost"]),
            ("skips of viewers", lambda row: row["skips"]),
            ("pauses of viewers", lambda row: row["stalls"]),
        ],
    ),
    (
        "viewers with a stream; megabits a second that they got",
        [("viewers", lambda row: row["connected"]), ("Mbit/s", lambda r: r["served"])],
    ),
]


def plot(file: Path, picture: Path) -> None:
    """Draw it."""
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    minutes = [row["seconds"] / 60 for row in rows]
    figure, axes = pyplot.subplots(
        3, 2, sharex=True, figsize=(9, 6.5), layout="constrained"
    )
    for axis, (label, curves) in zip(axes.flat, PANELS, strict=True):
        for name, value in curves:
            values = [float("nan") if value(r) is None else value(r) for r in rows]
            axis.plot(minutes, values, label=name, linewidth=1.2)
        axis.set_title(label, loc="left")
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
        axis.legend(loc="best", framealpha=0.8, edgecolor="none")
    for axis in axes[-1]:
        axis.set_xlabel("minutes")
    figure.savefig(picture, facecolor="white", metadata={"Date": None})
    pyplot.close(figure)


if __name__ == "__main__":
    plot(Path(sys.argv[1]), Path(sys.argv[2]))

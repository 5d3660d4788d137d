"""
C{/metrics}, for Prometheus: made of what is known at the moment of asking.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from ...camera import Camera
from ...keeper import CameraState
from ...statistics import Statistics
from ..kernel import KernelDrops
from ..observatory import BUCKETS
from .pages import Page, send
from .site import WebRequest
from .tools import Tools

#: Prometheus' text format.
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

#: Counters: name, what it counts, and how to read it.
_COUNTERS: tuple[tuple[str, str, Callable[[Statistics], int]], ...] = (
    ("frames", "Pictures received whole.", lambda s: s.frames),
    ("sound_frames", "Packets of sound received.", lambda s: s.soundFrames),
    ("bytes", "Bytes of pictures and sound.", lambda s: s.bytes),
    ("lost_packets", "Packets that never came.", lambda s: s.lost),
    ("damaged_frames", "Pictures that came in part.", lambda s: s.damaged),
    (
        "held_frames",
        "Pictures between a loss and the next keyframe.",
        lambda s: s.held,
    ),
    ("resent_packets", "Packets of ours that were sent again.", lambda s: s.resent),
    ("duplicates", "Packets that came again.", lambda s: s.duplicates),
    ("video_requests", "How often video was asked for.", lambda s: s.requests),
)


class CameraCollector(Collector):
    """
    Makes the metrics.
    """

    def __init__(self, tools: Tools, drops: KernelDrops | None = None) -> None:
        self._tools = tools
        self._drops = KernelDrops() if drops is None else drops

    def describe(self) -> list[Metric]:
        """Nothing: it would take a look at all cameras."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Everything."""
        yield InfoMetricFamily(
            "twistedcam_build",
            "What runs here.",
            value={"version": _version(), "python": sys.version.split()[0]},
        )
        yield from self._cameras()
        yield from self._service()
        yield from _process()

    def _cameras(self) -> Iterator[Metric]:
        totals = self._tools.observatory.totals()
        label = ["camera"]
        up = GaugeMetricFamily(
            "twistedcam_camera_up", "Is the camera connected?", labels=label
        )
        state = GaugeMetricFamily(
            "twistedcam_camera_state",
            "Where the camera is: one of these is 1.",
            labels=["camera", "state"],
        )
        reconnects = CounterMetricFamily(
            "twistedcam_camera_reconnects", "Sessions after the first.", labels=label
        )
        for name, (report, _) in totals.items():
            up.add_metric([name], report.state == CameraState.UP.value)
            for each in CameraState:
                state.add_metric([name, each.value], each.value == report.state)
            reconnects.add_metric([name], report.reconnects)
        yield from (up, state, reconnects)
        for metric, text, read in _COUNTERS:
            family = CounterMetricFamily(
                f"twistedcam_camera_{metric}", text, labels=label
            )
            for name, (_, total) in totals.items():
                family.add_metric([name], read(total))
            yield family
        yield from self._viewers([*totals])
        yield self._latency([*totals])

    def _viewers(self, names: list[str]) -> Iterator[Metric]:
        label = ["camera"]
        viewers = GaugeMetricFamily(
            "twistedcam_camera_viewers", "Who watches.", labels=label
        )
        skips = CounterMetricFamily(
            "twistedcam_camera_viewer_skips",
            "How often viewers were too slow.",
            labels=label,
        )
        drops = CounterMetricFamily(
            "twistedcam_camera_kernel_drops",
            "Packets that the kernel dropped, since we were too slow.",
            labels=label,
        )
        cameras = self._tools.fleet.cameras
        ports = {name: _ports(cameras[name]) for name in names if name in cameras}
        dropped = self._drops.update(ports)
        for name in ports:
            viewers.add_metric([name], self._tools.countViewers(cameras[name]))
            skips.add_metric([name], self._tools.broadcasts.skips(name))
            drops.add_metric([name], dropped[name])
        yield from (viewers, skips, drops)

    def _latency(self, names: list[str]) -> Metric:
        latency = HistogramMetricFamily(
            "twistedcam_frame_latency_seconds",
            "From a picture's arrival until it was handed to all viewers.",
            labels=["camera"],
        )
        for name in names:
            counts, total = self._tools.latencies.of(name)
            bounds = [*map(str, BUCKETS), "+Inf"]
            latency.add_metric([name], [*zip(bounds, counts, strict=True)], total)
        return latency

    def _service(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "twistedcam_web_viewers",
            "Who watches over HTTP.",
            value=len(self._tools.viewers),
        )
        yield GaugeMetricFamily(
            "twistedcam_web_listeners",
            "Who listens to events.",
            value=len(self._tools.listeners),
        )


def _ports(camera: Camera) -> list[int]:
    """The UDP ports of its sessions."""
    twin = None if camera.twin is None else camera.twin.localPort
    return [port for port in (camera.localPort, twin) if port is not None]


def _process() -> Iterator[Metric]:
    """What the process takes, by the names that are usual."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    yield CounterMetricFamily(
        "process_cpu_seconds",
        "User and system time.",
        value=usage.ru_utime + usage.ru_stime,
    )
    # Of all systems only macOS tells bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    yield GaugeMetricFamily(
        "process_max_resident_memory_bytes",
        "The most memory that it ever had.",
        value=usage.ru_maxrss * unit,
    )


def _version() -> str:
    try:
        return version("twistedcam")
    except PackageNotFoundError:
        return "unknown"


class MetricsPage(Page):
    """Metrics."""

    isLeaf = True

    def __init__(self, tools: Tools) -> None:
        super().__init__()
        # Of our own: what others have in the process's is none of our business.
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(CameraCollector(tools))

    def answer(self, request: WebRequest) -> None:
        """All of them."""
        send(request, generate_latest(self._registry), CONTENT_TYPE)

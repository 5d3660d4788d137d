"""
Tests of C{/metrics}.
"""

from __future__ import annotations

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from twistedcam.camera import Camera
from twistedcam.restream.kernel import KernelDrops
from twistedcam.restream.observatory import BUCKETS
from twistedcam.restream.web.metrics import CameraCollector, MetricsPage

from .lab import LabCase
from .test_restream_kernel import HEADING, line
from .webkit import WebLab

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


class MetricsTests(LabCase):
    """What Prometheus reads."""

    def read(self, lab: WebLab) -> Samples:
        """All samples."""
        answer = lab.get("/metrics")
        self.assertEqual(200, answer.status)
        self.assertEqual(
            "text/plain; version=0.0.4; charset=utf-8", answer.headers["content-type"]
        )
        samples: Samples = {}
        for family in text_string_to_metric_families(answer.body.decode()):
            self.assertTrue(family.documentation, family.name)
            for sample in family.samples:
                key = sample.name, tuple(sorted(sample.labels.items()))
                self.assertNotIn(key, samples)
                samples[key] = sample.value
        return samples

    def value(self, samples: Samples, name: str, **labels: str) -> float:
        """One of them, of the camera."""
        key = {"camera": "garden", **labels}
        return samples[f"twistedcam_{name}", tuple(sorted(key.items()))]

    def test_all(self) -> None:
        """Everything is there, with what it should be."""
        lab = WebLab()
        lab.visit().ask("GET", "/cameras/garden/stream.ts")
        lab.network.advance(6)
        lab.visit().ask("GET", "/cameras/garden/stream.mjpeg")
        lab.visit().ask("GET", "/events")
        samples = self.read(lab)
        total = lab.garden.statistics()
        for name, expected in (
            ("camera_up", 1),
            ("camera_reconnects_total", 0),
            ("camera_frames_total", total.frames),
            ("camera_bytes_total", total.bytes),
            ("camera_sound_frames_total", total.soundFrames),
            ("camera_lost_packets_total", 0),
            ("camera_damaged_frames_total", 0),
            ("camera_held_frames_total", 0),
            ("camera_resent_packets_total", 0),
            ("camera_duplicates_total", 0),
            ("camera_video_requests_total", 1),
            ("camera_kernel_drops_total", 0),
            ("camera_viewers", 2),
            ("camera_viewer_skips_total", 0),
        ):
            self.assertEqual(expected, self.value(samples, name), name)
        self.assertGreater(total.frames, 60)
        self.assertEqual(2, samples["twistedcam_web_viewers", ()])
        self.assertEqual(1, samples["twistedcam_web_listeners", ()])
        self.assertGreater(samples["process_cpu_seconds_total", ()], 0)
        self.assertGreater(samples["process_max_resident_memory_bytes", ()], 1e6)
        [(_, labels)] = [key for key in samples if key[0] == "twistedcam_build_info"]
        self.assertEqual(["python", "version"], [label for label, _ in labels])

    def test_states(self) -> None:
        """Exactly one state is the present one."""
        lab = WebLab()
        for expected in ("Up", "Waiting"):
            samples = self.read(lab)
            present = [
                dict(labels)["state"]
                for (name, labels), value in samples.items()
                if name == "twistedcam_camera_state" and value
            ]
            self.assertEqual([expected], present)
            self.assertEqual(expected == "Up", self.value(samples, "camera_up"))
            lab.emulated.stop()
            lab.network.advance(0.5)

    def test_latency(self) -> None:
        """The histogram grows with what is handed to viewers."""
        lab = WebLab()
        name = "frame_latency_seconds"
        before = self.value(self.read(lab), f"{name}_count")
        self.assertEqual(0, before)
        lab.visit().ask("GET", "/cameras/garden/stream.ts?sound=0")
        lab.network.advance(4)
        samples = self.read(lab)
        count = self.value(samples, f"{name}_count")
        self.assertGreater(count, 40)
        buckets = [
            self.value(samples, f"{name}_bucket", le=bound)
            for bound in [*map(str, BUCKETS), "+Inf"]
        ]
        self.assertEqual(sorted(buckets), buckets)
        self.assertEqual(count, buckets[-1])
        self.assertGreaterEqual(self.value(samples, f"{name}_sum"), 0)

    def test_onlyGrow(self) -> None:
        """Counters survive reconnects."""
        lab = WebLab()
        lab.garden.video.subscribe(lambda frame: None)
        lab.network.duplicate = 0.2
        lab.network.advance(5)
        before = self.read(lab)
        self.assertGreater(self.value(before, "camera_duplicates_total"), 0)
        lab.emulated.stop()
        lab.emulated.start()
        lab.network.duplicate = 0
        lab.network.advance(10)
        after = self.read(lab)
        for key, value in before.items():
            if key[0].endswith("_total"):
                self.assertGreaterEqual(after[key], value, key)
        self.assertEqual(1, self.value(after, "camera_reconnects_total"))

    def test_skips(self) -> None:
        """Slow viewers show."""
        lab = WebLab()
        slow = lab.visit()
        slow.ask("GET", "/cameras/garden/stream.ts?sound=0")
        lab.network.advance(3)
        slow.transport.window = 0
        lab.network.advance(25)
        self.assertGreater(self.value(self.read(lab), "camera_viewer_skips_total"), 0)

    def test_drops(self) -> None:
        """What the kernel dropped at the session's port."""
        lab = WebLab()
        path = Path(self.mktemp())
        assert lab.garden.localPort is not None
        path.write_text(HEADING + line(lab.garden.localPort, 17) + line(7, 99))
        collector = CameraCollector(lab.web._tools, KernelDrops(path))
        [drops] = [
            sample.value
            for family in collector.collect()
            for sample in family.samples
            if sample.name == "twistedcam_camera_kernel_drops_total"
        ]
        self.assertEqual(17, drops)

    def test_fleet(self) -> None:
        """Cameras that come and go; one that is not up is in the list, too."""
        lab = WebLab()
        lab.fleet.add(Camera(lab.pc, address="192.0.2.99", name="door"))
        samples = self.read(lab)
        self.assertEqual(0, self.value(samples, "camera_up", camera="door"))
        lab.fleet.remove("garden")
        names = {dict(labels).get("camera") for _, labels in self.read(lab)}
        self.assertEqual({"door", None}, names)

    def test_ownRegistry(self) -> None:
        """Nothing of others is shown, nothing of ours goes to others."""
        lab = WebLab()
        MetricsPage(lab.web._tools)
        MetricsPage(lab.web._tools)
        body = lab.get("/metrics").body
        self.assertNotIn(b"python_gc", body)

    def test_head(self) -> None:
        """C{HEAD} has no body."""
        answer = WebLab().visit().ask("HEAD", "/metrics")
        self.assertEqual((200, b""), (answer.status, answer.body))

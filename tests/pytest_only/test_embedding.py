"""
How a program that is tested with pytest and pytest-twisted uses the package.

These are pytest's alone: trial does not see functions.
"""

from __future__ import annotations

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred

from twistedcam import Camera, CameraState, ConnectTimeout, Discovery
from twistedcam.emulator import Doors, EmulatedCamera
from twistedcam.testing import MemoryNetwork

UID = "VSTB-668515-UZCPK"


@pytest_twisted.ensureDeferred
async def test_loopback() -> None:
    """Over real UDP: a camera comes up, stops, comes up again, and we part."""
    from twisted.internet import reactor

    doors = Doors(reactor, "127.0.0.1", dhPort=0, lanPort=0)
    doors.open()
    emulated = EmulatedCamera(reactor, UID, doors=doors)
    emulated.start()
    discovery = Discovery(
        reactor,
        searchAddresses=["127.0.0.1"],
        dhPort=doors.dhPort,
        lanPort=doors.lanPort,
    )
    camera = Camera(reactor, deviceId=UID, discovery=discovery)
    lost = Deferred[str]()
    camera.onLost(lambda reason, delay: lost.callback(reason.value))
    try:
        await camera.connect(timeout=10)
        await emulated.stop()
        assert await lost == "closed by the camera"
        emulated.start()
        await camera.whenUp()
    finally:
        await camera.disconnect()
        await discovery.stop()
        await emulated.stop()
        await doors.close()


@pytest_twisted.ensureDeferred
async def test_comesBack() -> None:
    """In simulated time, hence at once: power fails for an hour."""
    network = MemoryNetwork()
    house = network.host("camera", "192.0.2.7/24")
    pc = network.host("pc", "192.0.2.10/24")
    doors = Doors(house)
    doors.open()
    emulated = EmulatedCamera(house, UID, doors=doors)
    emulated.start()
    discovery = Discovery(pc, interfaces=pc.interfaces)
    camera = Camera(pc, deviceId=UID, discovery=discovery)

    up = camera.connect()
    network.advance(1)
    await up

    emulated.reboot(downFor=3600)
    network.advance(60)
    assert camera.state is CameraState.SEARCHING
    network.advance(3600)
    await camera.whenUp()

    parted = camera.disconnect()
    network.advance(1)
    await parted


@pytest_twisted.ensureDeferred
async def test_tooLate() -> None:
    """In simulated time: nobody is there, and the caller hears of it."""
    network = MemoryNetwork()
    pc = network.host("pc", "192.0.2.10/24")
    discovery = Discovery(pc, interfaces=pc.interfaces)
    camera = Camera(pc, deviceId=UID, discovery=discovery)
    up = camera.connect(timeout=5)
    network.advance(5)
    with pytest.raises(ConnectTimeout):
        await up
    await camera.disconnect()
    network.advance(0)
    assert pc.ports == []

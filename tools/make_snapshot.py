"""
Draw the test cards that the emulated camera answers snapshot.cgi with.

It needs Pillow, which the package does not::

    python tools/make_snapshot.py
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

PICTURES = Path(__file__).parent.parent / "twistedcam" / "emulator" / "pictures"
SIZES = [(640, 360), (320, 180), (1280, 720)]

BARS = ["#c0c0c0", "#c0c000", "#00c0c0", "#00c000", "#c000c0", "#c00000", "#0000c0"]


def draw(width: int, height: int) -> Image.Image:
    """Colour bars, a grey scale, a circle, and who it is."""
    card = Image.new("RGB", (width, height), "#202020")
    pen = ImageDraw.Draw(card)
    unit = width / len(BARS)
    for place, colour in enumerate(BARS):
        box = (place * unit, 0, (place + 1) * unit, height * 0.66)
        pen.rectangle(box, fill=colour)
    steps = 12
    for place in range(steps):
        grey = round(255 * place / (steps - 1))
        left, right = place * width / steps, (place + 1) * width / steps
        box = (left, height * 0.66, right, height * 0.78)
        pen.rectangle(box, fill=(grey, grey, grey))
    radius, x, y = height * 0.28, width / 2, height * 0.34
    line = max(2, height // 120)
    circle = (x - radius, y - radius, x + radius, y + radius)
    pen.ellipse(circle, outline="white", width=line)
    for text, size, where in (
        ("twistedcam", 0.11, y),
        (f"emulated camera  {width} x {height}", 0.06, height * 0.89),
    ):
        font = ImageFont.load_default(size * height)
        edge = max(1, height // 240)
        place = (x, where)
        pen.text(
            place, text, "white", font, "mm", stroke_width=edge, stroke_fill="black"
        )
    return card


for width, height in SIZES:
    PICTURES.mkdir(exist_ok=True)
    path = PICTURES / f"{width}x{height}.jpg"
    draw(width, height).save(
        path, quality=70 if width < 1000 else 38, optimize=True, subsampling=2
    )
    print(path.name, path.stat().st_size)

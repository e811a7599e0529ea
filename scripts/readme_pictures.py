"""The README's before-and-after, out of a demo: `studio demo DIR --headless`, then this script with DIR."""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image, ImageDraw

FRAME = "STP_0004"  # the one whose camera JPEG lies beside its RAW
WIDTH_PX, GAP_PX, TICK_PX = 1600, 12, 14
INK = (130, 130, 130)


def before_after(session: Path) -> Image.Image:
    """A frame as it came and as delivered, at one scale; a line below marks the new backdrop at its left."""
    came = Image.open(session / "Capture" / f"{FRAME}.JPG")
    delivered = Image.open(session / "Output" / f"{FRAME}.jpg")
    scale = (WIDTH_PX - GAP_PX) / (came.width + delivered.width)
    new_px = round((delivered.width - came.width) * scale)
    for picture in (came, delivered):
        picture.thumbnail((int(picture.width * scale), picture.height))
    after_x = came.width + GAP_PX
    sheet = Image.new("RGB", (after_x + delivered.width, came.height + TICK_PX), "white")
    sheet.paste(came, (0, 0))
    sheet.paste(delivered, (after_x, 0))
    draw, y = ImageDraw.Draw(sheet), came.height + TICK_PX // 2
    draw.line([(after_x, y), (after_x + new_px, y)], INK)
    for x in (after_x, after_x + new_px):
        draw.line([(x, y - 4), (x, y + 4)], INK)
    return sheet


if __name__ == "__main__":
    folder = Path(__file__).parents[1] / "docs" / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    before_after(Path(sys.argv[1])).save(folder / "before-after.jpg", quality=88, optimize=True)

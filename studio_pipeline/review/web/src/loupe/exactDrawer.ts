import OpenSeadragon from 'openseadragon';

interface Placed {
  position: OpenSeadragon.Point;
  size: OpenSeadragon.Point;
}

type DrawTile = (tile: Placed, ...rest: unknown[]) => void;

const { pixelDensityRatio } = OpenSeadragon as unknown as { pixelDensityRatio: number };
const base = OpenSeadragon.CanvasDrawer as unknown as {
  new (options: OpenSeadragon.DrawerOptions): OpenSeadragon.DrawerBase;
  prototype: { _drawTile: DrawTile };
};

/**
 * OpenSeadragon's canvas drawer with every tile edge on a whole pixel of the screen.
 *
 * The original stretches each tile by one pixel to hide the seams between tiles, so that at 100% nothing is
 * quite sharp. Here neighbours share a rounded edge: no seams at any zoom, and at 100% each pixel of the
 * picture is one pixel of the screen.
 */
export class ExactDrawer extends base {
  minimumOverlapRequired(): boolean {
    return false;
  }

  _drawTile(tile: Placed, ...rest: unknown[]): void {
    const { position, size } = tile;
    const snap = (value: number) => Math.round(value * pixelDensityRatio) / pixelDensityRatio;
    const topLeft = position.apply(snap);
    tile.position = topLeft;
    tile.size = position.plus(size).apply(snap).minus(topLeft);
    base.prototype._drawTile.call(this, tile, ...rest);
    tile.position = position;
    tile.size = size;
  }
}

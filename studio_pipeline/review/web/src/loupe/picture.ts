import OpenSeadragon from 'openseadragon';
import { tileUrl } from '../lib/api';
import { firstLevel, TILE_PX, topLevel } from '../lib/pyramid';
import type { Choice, Layer, PointYx, Roi } from '../lib/types';

const { Point, Rect } = OpenSeadragon;

/** A render: its tiles cover `canvas`, which may hold the base, lie in it, or neither. */
export interface Render {
  hash: string;
  choice: Choice;
  canvas: Roi;
  base: [height: number, width: number];
}

/** What a pane shows. */
export interface Picture {
  id: string;
  /** Null while there is none. */
  previewUrl: string | null;
  /** Null while there is only a preview. */
  render: Render | null;
  /** Where to look first at 100%. */
  faces: Roi[];
}

/** OpenSeadragon's world, in which the base is one unit wide and its first pixel at the origin: a canvas may
 * change beneath a view without moving the person in it. */
export class World {
  constructor(private readonly render: Render | null) {}

  get baseWidth(): number {
    return this.render?.base[1] ?? 1;
  }

  point([y, x]: PointYx): OpenSeadragon.Point {
    return new Point(x / this.baseWidth, y / this.baseWidth);
  }

  master({ x, y }: OpenSeadragon.Point): PointYx {
    return [y * this.baseWidth, x * this.baseWidth];
  }

  rect([y0, x0, y1, x1]: Roi): OpenSeadragon.Rect {
    const [corner, size] = [this.point([y0, x0]), this.point([y1 - y0, x1 - x0])];
    return new Rect(corner.x, corner.y, size.x, size.y);
  }

  /** Where a preview of this shape belongs: it shows the base, or the canvas of the proposal. */
  ofPreview(width: number, height: number): OpenSeadragon.Rect {
    if (!this.render) return new Rect(0, 0, 1, height / width);
    const base: Roi = [0, 0, ...this.render.base];
    const { canvas } = this.render;
    const unlike = ([y0, x0, y1, x1]: Roi) =>
      Math.abs(Math.log((width / height) * ((y1 - y0) / (x1 - x0))));
    return this.rect(unlike(canvas) <= unlike(base) ? canvas : base);
  }
}

/** A layer of a render as OpenSeadragon wants it. */
export function tiledLayer(id: string, render: Render, layer: Layer): OpenSeadragon.TileSourceSpecifier {
  const { hash, choice, canvas } = render;
  const { x, y, width } = new World(render).rect(canvas);
  const tileSource = {
    width: canvas[3] - canvas[1],
    height: canvas[2] - canvas[0],
    tileSize: TILE_PX,
    tileOverlap: 0,
    minLevel: firstLevel(canvas),
    maxLevel: topLevel(canvas),
    getTileUrl: (level: number, col: number, row: number) =>
      tileUrl(id, layer, choice, hash, level, col, row),
  };
  return { tileSource, x, y, width };
}

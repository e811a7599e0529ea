import type { Roi } from './types';

/** Deep-zoom tiles: `topLevel` is 100%, each level below it halves the canvas, `firstLevel` fits into one tile. */
export const TILE_PX = 512;

export const topLevel = ([y0, x0, y1, x1]: Roi) => Math.ceil(Math.log2(Math.max(y1 - y0, x1 - x0)));

export const firstLevel = (canvas: Roi) => Math.min(topLevel(canvas), Math.log2(TILE_PX));

import OpenSeadragon from 'openseadragon';
import type { Layer } from '../lib/types';
import { type Picture, tiledLayer, World } from './picture';

const { Point, Rect } = OpenSeadragon;
const TILED = ['before', 'after', 'mask'] as const;

export interface LayerEvents {
  /** The edited picture of this hash is on the screen, every tile of it that the view shows. */
  seen?: (hash: string) => void;
  /** Whether tiles of what is to be seen are still on their way. */
  waits?: (waiting: boolean) => void;
  /** A tile could not be loaded. */
  failed?: () => void;
}

type Items = Partial<Record<Layer | 'preview', OpenSeadragon.TiledImage>>;

/** The layers of one picture in a viewer: preview, before, after, mask, from the lowest. */
export class Layers {
  picture: Picture | null = null;
  world = new World(null);
  #items: Items = {};
  /** Layers of renders shown before, seen until the newest is whole. */
  #older: OpenSeadragon.TiledImage[] = [];
  #visible: Layer[] = ['after'];
  #splitAt: number | null = null;
  #failed = false;
  #shows = 0;

  constructor(
    private readonly viewer: OpenSeadragon.Viewer,
    private readonly events: LayerEvents,
    private readonly onPreview: () => void,
  ) {
    viewer.addHandler('tile-load-failed', ({ tiledImage }) => {
      if (tiledImage === this.#items.preview) return;
      if (tiledImage === this.#items.after) {
        this.#failed = true;
        this.#clearOlder(); // or it would pass for the newer
      }
      this.events.failed?.();
    });
  }

  /** Lay a picture on. Another render of the same capture covers the one before, tile by tile. */
  show(picture: Picture): void {
    const same = this.picture?.id === picture.id;
    const { preview, after } = this.#items;
    this.#older.push(...Object.values(this.#items));
    this.#items = {};
    this.#failed = false;
    this.#shows += 1;
    this.picture = picture;
    this.world = new World(picture.render);
    if (!same) this.#clearOlder();
    if (same && preview) this.#place(preview);
    else if (picture.previewUrl && !(same && after)) this.#addPreview(picture.previewUrl);
    if (!picture.render) return;
    for (const layer of TILED) this.#addTiled(layer);
    this.events.waits?.(true);
  }

  /** Which layers are seen; `splitAt` (0 to 1 across the pane) cuts the upper from its left. */
  see(visible: Layer[], splitAt: number | null): void {
    this.#visible = visible;
    this.#splitAt = splitAt;
    for (const layer of [...TILED, 'preview'] as const) this.#items[layer]?.setOpacity(this.#opacity(layer));
    this.clip();
  }

  /** Cut the layers anew, after the view has moved. */
  clip(): void {
    const { before, after } = this.#items;
    const render = this.picture?.render;
    if (before && render) {
      // Outside the base there is no "before": the surround, not whatever the tiles hold there.
      const [y0, x0, y1, x1] = render.canvas;
      const [top, left] = [Math.max(y0, 0), Math.max(x0, 0)];
      const [bottom, right] = [Math.min(y1, render.base[0]), Math.min(x1, render.base[1])];
      before.setClip(new Rect(left - x0, top - y0, right - left, bottom - top));
    }
    if (!after) return;
    if (this.#splitAt === null) return after.setClip(null);
    const { x: width, y: height } = after.getContentSize();
    const pane = this.viewer.viewport.getContainerSize();
    const edge = after.viewerElementToImageCoordinates(new Point(this.#splitAt * pane.x, 0)).x;
    const cut = Math.min(Math.max(edge, 0), width);
    after.setClip(new Rect(cut, 0, width - cut, height));
  }

  #addPreview(url: string): void {
    const tileSource = { type: 'image', url, buildPyramid: false };
    this.#add({ tileSource, x: 0, y: 0, width: 1, index: 0 }, (item) => {
      this.#items.preview = item;
      this.#place(item);
      item.setOpacity(this.#opacity('preview'));
      this.onPreview();
    });
  }

  #place(preview: OpenSeadragon.TiledImage): void {
    const { x: width, y: height } = preview.getContentSize();
    const bounds = this.world.ofPreview(width, height);
    preview.setPosition(bounds.getTopLeft(), true);
    preview.setWidth(bounds.width, true);
  }

  #addTiled(layer: Layer): void {
    const { id, render } = this.picture!;
    const turn = this.#shows;
    this.#add({ ...tiledLayer(id, render!, layer), opacity: 0 }, (item) => {
      this.#items[layer] = item;
      item.setOpacity(this.#opacity(layer));
      this.clip();
      item.addHandler('fully-loaded-change', ({ fullyLoaded }) => {
        if (!this.#visible.includes(layer)) return;
        if (layer === 'after') this.events.waits?.(!fullyLoaded);
        // Not from within OpenSeadragon's own walk over the layers.
        if (fullyLoaded) setTimeout(() => turn === this.#shows && this.#complete(layer));
      });
    });
  }

  /** A preview stands for the edited picture only: it must never pass for the original. */
  #opacity(layer: Layer | 'preview'): number {
    if (layer !== 'preview') return this.#visible.includes(layer) ? 1 : 0;
    return (this.#visible.includes('after') && this.#splitAt === null) || !this.picture?.render ? 1 : 0;
  }

  /** A layer is on the screen as far as the view reaches. */
  #complete(layer: Layer): void {
    if (layer !== this.#visible.findLast((seen) => seen !== 'mask')) return;
    const { preview, before } = this.#items;
    if (preview) this.#older.push(preview);
    delete this.#items.preview;
    this.#clearOlder();
    if (layer !== 'after') return;
    before?.setPreload(true); // so that the original is there at a key's press
    if (!this.#failed) this.events.seen?.(this.picture!.render!.hash);
  }

  /** Add a layer above the others, unless another picture has come on before it is there. */
  #add(
    options: OpenSeadragon.TileSourceSpecifier,
    added: (item: OpenSeadragon.TiledImage) => void,
  ): void {
    const turn = this.#shows;
    const success = (event: unknown) => {
      const { item } = event as { item: OpenSeadragon.TiledImage };
      if (turn === this.#shows) added(item);
      else this.viewer.world.removeItem(item);
    };
    this.viewer.addTiledImage({ ...options, success });
  }

  #clearOlder(): void {
    const { world } = this.viewer;
    for (const item of this.#older.splice(0)) if (world?.getIndexOfItem(item) >= 0) world.removeItem(item);
  }
}

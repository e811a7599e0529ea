import OpenSeadragon from 'openseadragon';
import { tileUrl } from '../lib/api';
import { firstLevel, TILE_PX, topLevel } from '../lib/pyramid';
import type { Layer, PointYx, Roi } from '../lib/types';
import { ExactDrawer } from './exactDrawer';

const MARGIN = 0.03; // free surround about the picture when it is fitted, of its longer side
const MOST_MAGNIFIED = 8;
const PATIENCE_MS = 120_000; // the first tile at 100% waits for the RAW to be developed in full
const { Point, Rect } = OpenSeadragon;

// OpenSeadragon adds an inline style for touch screens, which the page's security policy forbids, unless it finds
// this mark. app.css has the rule instead.
const mark = document.createElementNS(null, 'style');
mark.setAttribute('data-openseadragon-mobile-css', '');
document.head.append(mark);

/** What a pane shows. World coordinates: the base is one unit wide, its first pixel at the origin. */
export interface Picture {
  id: string;
  previewUrl: string | null;
  /** Null while there is only a preview. */
  tiles: { hash: string; enabled: string[]; canvas: Roi; base: [height: number, width: number] } | null;
  /** Where to look first at 100%. */
  faces: Roi[];
}

export interface StageEvents {
  /** The view moved or zoomed. */
  moved?: () => void;
  /** The edited picture of this hash is on the screen, every tile of it that the view shows. */
  seen?: (hash: string) => void;
  /** Whether tiles of what is to be seen are still on their way. */
  waits?: (waiting: boolean) => void;
  /** A tile could not be loaded. */
  failed?: () => void;
}

type Layers = Partial<Record<Layer | 'preview', OpenSeadragon.TiledImage>>;

/** One OpenSeadragon viewer with the layers of a picture laid over each other. */
export class Stage {
  readonly viewer: OpenSeadragon.Viewer;
  #picture: Picture | null = null;
  #layers: Layers = {};
  /** Layers of renders shown before, seen until the newest is whole. */
  #older: OpenSeadragon.TiledImage[] = [];
  #visible: Layer[] = ['after'];
  #splitAt: number | null = null;
  #fitted = true;
  #following = false;
  #failed = false;
  #shows = 0;
  #smooths = true;

  constructor(
    element: HTMLElement,
    readonly events: StageEvents,
    calm: boolean,
  ) {
    this.viewer = OpenSeadragon({
      element,
      drawer: ExactDrawer as unknown as OpenSeadragon.DrawerConstructor,
      showNavigationControl: false,
      keyboardNavEnabled: false,
      animationTime: calm ? 0 : 0.35,
      springStiffness: 9,
      blendTime: 0,
      immediateRender: false,
      imageLoaderLimit: 4, // leaves the browser a connection for decisions
      timeout: PATIENCE_MS,
      tileRetryMax: 3,
      tileRetryDelay: 1500,
      smoothTileEdgesMinZoom: Infinity,
      minZoomImageRatio: 0.5,
      maxZoomPixelRatio: MOST_MAGNIFIED,
      visibilityRatio: 0.3,
      preserveImageSizeOnResize: true,
      gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: false, flickEnabled: false },
    });
    const { viewer } = this;
    viewer.canvas.removeAttribute('tabindex'); // the keys are the page's
    viewer.addHandler('viewport-change', () => this.#moved());
    viewer.addHandler('resize', () => this.#fitted && requestAnimationFrame(() => this.fit(true)));
    for (const event of ['canvas-drag', 'canvas-scroll', 'canvas-pinch'] as const)
      viewer.addHandler(event, () => (this.#fitted = false));
    viewer.addHandler('tile-load-failed', ({ tiledImage }) => {
      if (tiledImage === this.#layers.after) {
        this.#failed = true;
        this.#clearOlder(); // or it would pass for the newer
      }
      if (tiledImage !== this.#layers.preview) this.events.failed?.();
    });
    viewer.addHandler('canvas-double-click', (event) => this.toggleZoom(event.position));
  }

  destroy(): void {
    this.viewer.destroy();
  }

  /** Lay a picture on; the one before stays beneath until the new one is complete. */
  show(picture: Picture): void {
    const same = this.#picture?.id === picture.id;
    const before = this.#layers;
    this.#older.push(...Object.values(before));
    this.#picture = picture;
    this.#layers = {};
    this.#failed = false;
    const turn = ++this.#shows;
    if (!same) this.#clearOlder();
    if (same && before.preview) this.#place(before.preview);
    else if (picture.previewUrl && !(same && before.after)) this.#addPreview(picture.previewUrl, turn);
    if (picture.tiles) {
      for (const layer of ['before', 'after', 'mask'] as const) this.#addTiles(picture, layer, turn);
      this.events.waits?.(true);
      if (this.#fitted) this.fit(!same); // else the same place and magnification as on the frame before
    }
  }

  /** Which layers are seen, from the lowest; `splitAt` (0 to 1 across the pane) cuts the upper from its left. */
  see(visible: Layer[], splitAt: number | null): void {
    this.#visible = visible;
    this.#splitAt = splitAt;
    for (const layer of ['before', 'after', 'mask'] as const)
      this.#layers[layer]?.setOpacity(visible.includes(layer) ? 1 : 0);
    this.#clip();
  }

  fit(immediately = false): void {
    this.#fitted = true;
    this.viewer.viewport.fitBounds(this.#fittedBounds(), immediately);
  }

  /** 100%: one pixel of the picture on one pixel of the screen, about a point of the pane or the first face. */
  hundred(at?: OpenSeadragon.Point): void {
    const { viewport } = this.viewer;
    this.#fitted = false;
    const face = this.#picture?.faces[0];
    if (at) return void viewport.zoomTo(this.#zoomOf(1), viewport.pointFromPixel(at));
    if (face) viewport.panTo(this.#world([(face[0] + face[2]) / 2, (face[1] + face[3]) / 2]));
    viewport.zoomTo(this.#zoomOf(1));
  }

  /** Move the view by parts of the pane. */
  pan(dx: number, dy: number): void {
    const { viewport } = this.viewer;
    const { width, height } = viewport.getBounds();
    this.#fitted = false;
    viewport.panBy(new Point(dx * width, dy * height));
    viewport.applyConstraints();
  }

  toggleZoom(at?: OpenSeadragon.Point): void {
    if (this.#fitted) this.hundred(at);
    else this.fit();
  }

  /** Screen pixels per picture pixel, or null while the picture's size is not known. */
  get magnification(): number | null {
    if (!this.#picture?.tiles) return null;
    return this.viewer.viewport.getZoom(true) / this.#zoomOf(1);
  }

  /** Look where another stage looks. */
  follow(other: Stage): void {
    const [own, theirs] = [this.viewer.viewport, other.viewer.viewport];
    this.#following = true;
    this.#fitted = other.#fitted;
    own.zoomTo(theirs.getZoom(true), undefined, true);
    own.panTo(theirs.getCenter(true), true);
    own.update();
    this.viewer.forceRedraw();
    this.#following = false;
  }

  /** Pane pixels of a place in master pixels, and back. */
  toPane(point: PointYx): { x: number; y: number } {
    return this.viewer.viewport.pixelFromPoint(this.#world(point), true);
  }

  toMaster(x: number, y: number): PointYx {
    const world = this.viewer.viewport.pointFromPixel(new Point(x, y), true);
    return [world.y * this.#baseWidth, world.x * this.#baseWidth];
  }

  get paneSize(): { x: number; y: number } {
    return this.viewer.viewport.getContainerSize();
  }

  /** A place on the screen in pane pixels; undefined when it lies outside. */
  at({ x, y }: { x: number; y: number }): OpenSeadragon.Point | undefined {
    const pane = this.viewer.element.getBoundingClientRect();
    const inside = x >= pane.left && x < pane.right && y >= pane.top && y < pane.bottom;
    return inside ? new Point(x - pane.left, y - pane.top) : undefined;
  }

  /** Clicks that do not drag, in pane pixels, until the returned function is called. */
  onClick(act: (x: number, y: number) => void): () => void {
    const handler = ({ quick, position }: OpenSeadragon.CanvasClickEvent) => {
      if (quick) act(position.x, position.y);
    };
    this.viewer.addHandler('canvas-click', handler);
    return () => this.viewer.removeHandler('canvas-click', handler);
  }

  get #baseWidth(): number {
    return this.#picture?.tiles?.base[1] ?? 1;
  }

  #world([y, x]: PointYx): OpenSeadragon.Point {
    return new Point(x / this.#baseWidth, y / this.#baseWidth);
  }

  /** The viewport's zoom (panes per unit) at which the picture has so many screen pixels per pixel. */
  #zoomOf(magnification: number): number {
    const pane = this.viewer.viewport.getContainerSize().x;
    return (magnification * this.#baseWidth) / (pane * window.devicePixelRatio);
  }

  #fittedBounds(): OpenSeadragon.Rect {
    const tiles = this.#picture?.tiles;
    const bounds = tiles ? this.#bounds(tiles.canvas) : this.viewer.world.getHomeBounds();
    const margin = MARGIN * Math.max(bounds.width, bounds.height);
    return new Rect(bounds.x - margin, bounds.y - margin, bounds.width + 2 * margin, bounds.height + 2 * margin);
  }

  #bounds([y0, x0, y1, x1]: Roi): OpenSeadragon.Rect {
    const corner = this.#world([y0, x0]);
    const size = this.#world([y1 - y0, x1 - x0]);
    return new Rect(corner.x, corner.y, size.x, size.y);
  }

  #addPreview(url: string, turn: number): void {
    const tileSource = { type: 'image', url, buildPyramid: false };
    this.#add({ tileSource, x: 0, y: 0, width: 1, index: 0 }, turn, (item) => {
      this.#layers.preview = item;
      this.#place(item);
      if (this.#fitted) this.fit(true);
    });
  }

  /** Lay a preview where it belongs: it may show the base, or the canvas of the proposal. */
  #place(preview: OpenSeadragon.TiledImage): void {
    const tiles = this.#picture?.tiles;
    if (!tiles) return;
    const [height, width] = tiles.base;
    const { x, y } = preview.getContentSize();
    const unlike = ([y0, x0, y1, x1]: Roi) => Math.abs(Math.log((x / y) * ((y1 - y0) / (x1 - x0))));
    const base: Roi = [0, 0, height, width];
    const bounds = this.#bounds(unlike(tiles.canvas) < unlike(base) ? tiles.canvas : base);
    preview.setPosition(bounds.getTopLeft(), true);
    preview.setWidth(bounds.width, true);
  }

  #addTiles(picture: Picture, layer: Layer, turn: number): void {
    const { hash, enabled, canvas } = picture.tiles!;
    const [height, width] = [canvas[2] - canvas[0], canvas[3] - canvas[1]];
    const tileSource = {
      width,
      height,
      tileSize: TILE_PX,
      tileOverlap: 0,
      minLevel: firstLevel(canvas),
      maxLevel: topLevel(canvas),
      getTileUrl: (level: number, col: number, row: number) =>
        tileUrl(picture.id, layer, enabled, hash, level, col, row),
    };
    const { x, y, width: unitsWide } = this.#bounds(canvas);
    const opacity = this.#visible.includes(layer) ? 1 : 0;
    this.#add({ tileSource, x, y, width: unitsWide, opacity }, turn, (item) => {
      this.#layers[layer] = item;
      this.#clip();
      item.addHandler('fully-loaded-change', ({ fullyLoaded }) => {
        if (!this.#visible.includes(layer)) return;
        if (layer === 'after') this.events.waits?.(!fullyLoaded);
        if (!fullyLoaded) return;
        // Not from within OpenSeadragon's own walk over the layers.
        setTimeout(() => turn === this.#shows && this.#complete(layer, hash));
      });
    });
  }

  /** A layer is on the screen as far as the view reaches. */
  #complete(layer: Layer, hash: string): void {
    if (layer !== this.#visible.findLast((seen) => seen !== 'mask')) return;
    const { preview } = this.#layers;
    if (preview) this.#older.push(preview);
    delete this.#layers.preview;
    this.#clearOlder();
    if (layer !== 'after') return;
    this.#layers.before?.setPreload(true); // so that the original is there at a key's press
    if (!this.#failed) this.events.seen?.(hash);
  }

  /** Add a layer above the others, unless another picture has come on before it is there. */
  #add(
    options: OpenSeadragon.TileSourceSpecifier,
    turn: number,
    added: (item: OpenSeadragon.TiledImage) => void,
  ): void {
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

  #moved(): void {
    this.#clip();
    const magnification = this.magnification;
    // Above 100% a pixel is a square, so that nothing on the screen is invented.
    this.#smooth(magnification === null || magnification < 1.01);
    if (!this.#following) this.events.moved?.();
  }

  #smooth(smooth: boolean): void {
    if (smooth === this.#smooths) return;
    this.#smooths = smooth;
    this.viewer.drawer.setImageSmoothingEnabled(smooth);
  }

  #clip(): void {
    const { before, after } = this.#layers;
    const tiles = this.#picture?.tiles;
    if (before && tiles) {
      // Outside the base there is no "before": the surround, not whatever the tiles hold there.
      const [y0, x0] = tiles.canvas;
      before.setClip(new Rect(-x0, -y0, tiles.base[1], tiles.base[0]));
    }
    if (!after) return;
    if (this.#splitAt === null) return after.setClip(null);
    const { x: width, y: height } = after.getContentSize();
    const pane = this.viewer.viewport.getContainerSize();
    const edge = after.viewerElementToImageCoordinates(new Point(this.#splitAt * pane.x, 0)).x;
    const cut = Math.min(Math.max(edge, 0), width);
    after.setClip(new Rect(cut, 0, width - cut, height));
  }
}

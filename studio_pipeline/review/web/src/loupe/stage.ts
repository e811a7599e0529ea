import OpenSeadragon from 'openseadragon';
import type { Layer, PointYx, Roi } from '../lib/types';
import { ExactDrawer } from './exactDrawer';
import { type LayerEvents, Layers } from './layers';
import type { Picture } from './picture';

const MARGIN = 0.03; // free surround about the picture when it is fitted, of its longer side
const MOST_MAGNIFIED = 8;
const PATIENCE_MS = 120_000; // the first tile at 100% waits for the RAW to be developed in full
const { Point, Rect } = OpenSeadragon;

// OpenSeadragon adds an inline style for touch screens, which the page's security policy forbids, unless it finds
// this mark. app.css has the rule instead.
const mark = document.createElementNS(null, 'style');
mark.setAttribute('data-openseadragon-mobile-css', '');
document.head.append(mark);

export interface StageEvents extends LayerEvents {
  /** The view moved or zoomed. */
  moved?: () => void;
}

/** One OpenSeadragon viewer and its view of a picture. */
export class Stage {
  readonly viewer: OpenSeadragon.Viewer;
  readonly #layers: Layers;
  #fitted = true;
  #following = false;
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
      preserveViewport: true, // or the first layer to arrive would take the view back to the whole picture
      preserveImageSizeOnResize: true,
      gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: false, flickEnabled: false },
    });
    const { viewer } = this;
    this.#layers = new Layers(viewer, events, () => this.#fitted && this.fit(true));
    viewer.canvas.removeAttribute('tabindex'); // the keys are the page's
    viewer.addHandler('viewport-change', () => this.#moved());
    viewer.addHandler('resize', () => this.#fitted && requestAnimationFrame(() => this.fit(true)));
    for (const event of ['canvas-drag', 'canvas-scroll', 'canvas-pinch'] as const)
      viewer.addHandler(event, () => (this.#fitted = false));
    viewer.addHandler('canvas-double-click', (event) => this.toggleZoom(event.position));
  }

  destroy(): void {
    this.viewer.destroy();
  }

  /** Lay a picture on; fitted, or at the same place and magnification as the one before. */
  show(picture: Picture): void {
    const same = this.#layers.picture?.id === picture.id;
    this.#layers.show(picture);
    if (picture.render && this.#fitted) this.fit(!same);
  }

  /** See `Layers.see`. */
  see(visible: Layer[], splitAt: number | null): void {
    this.#layers.see(visible, splitAt);
  }

  fit(immediately = false): void {
    this.#fitted = true;
    this.viewer.viewport.fitBounds(this.#fittedBounds(), immediately);
  }

  /** 100%: one pixel of the picture on one pixel of the screen, about a point of the pane or the first face. */
  hundred(at?: OpenSeadragon.Point): void {
    const { viewport } = this.viewer;
    this.#fitted = false;
    const face = this.#layers.picture?.faces[0];
    if (at) return void viewport.zoomTo(this.#zoomOf(1), viewport.pointFromPixel(at));
    if (face) viewport.panTo(this.#layers.world.point([(face[0] + face[2]) / 2, (face[1] + face[3]) / 2]));
    viewport.zoomTo(this.#zoomOf(1));
  }

  /** 100%, with the middle of a region in the middle of the pane. */
  look([y0, x0, y1, x1]: Roi): void {
    this.#fitted = false;
    this.viewer.viewport.panTo(this.#layers.world.point([(y0 + y1) / 2, (x0 + x1) / 2]));
    this.viewer.viewport.zoomTo(this.#zoomOf(1));
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
    if (!this.#layers.picture?.render) return null;
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
    return this.viewer.viewport.pixelFromPoint(this.#layers.world.point(point), true);
  }

  toMaster(x: number, y: number): PointYx {
    return this.#layers.world.master(this.viewer.viewport.pointFromPixel(new Point(x, y), true));
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

  /** The viewport's zoom (panes per unit) at which the picture has so many screen pixels per pixel. */
  #zoomOf(magnification: number): number {
    const pane = this.viewer.viewport.getContainerSize().x;
    return (magnification * this.#layers.world.baseWidth) / (pane * window.devicePixelRatio);
  }

  #fittedBounds(): OpenSeadragon.Rect {
    const { picture, world } = this.#layers;
    const bounds = picture?.render ? world.rect(picture.render.canvas) : this.viewer.world.getHomeBounds();
    const margin = MARGIN * Math.max(bounds.width, bounds.height);
    return new Rect(bounds.x - margin, bounds.y - margin, bounds.width + 2 * margin, bounds.height + 2 * margin);
  }

  #moved(): void {
    this.#layers.clip();
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
}

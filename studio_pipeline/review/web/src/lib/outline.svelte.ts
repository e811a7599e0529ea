import type { PointYx, Roi } from './types';

/** Outlines as they are drawn: corners in master pixels, kept inside `bounds`. */
export class Outline {
  closed = $state.raw<PointYx[][]>([]);
  open = $state.raw<PointYx[]>([]);

  /** `before`: what was drawn earlier, to be added to or taken back. */
  constructor(
    private readonly bounds: Roi,
    private readonly before: PointYx[][] = [],
  ) {
    this.closed = before;
  }

  get closable(): boolean {
    return this.open.length >= 3;
  }

  get complete(): boolean {
    return this.closed !== this.before || this.closable;
  }

  add([y, x]: PointYx): void {
    const [y0, x0, y1, x1] = this.bounds;
    this.open = [...this.open, [Math.min(Math.max(y, y0), y1), Math.min(Math.max(x, x0), x1)]];
  }

  close(): void {
    if (this.closable) this.closed = [...this.closed, this.open];
    this.open = [];
  }

  /** Take the last corner back, or the last outline when none is open. */
  back(): void {
    if (this.open.length > 0) this.open = this.open.slice(0, -1);
    else this.closed = this.closed.slice(0, -1);
  }
}

import type { PointYx } from './types';

/** Outlines of persons, as they are drawn: corners in master pixels, kept inside the base. */
export class Outline {
  closed = $state.raw<PointYx[][]>([]);
  open = $state.raw<PointYx[]>([]);

  constructor(private readonly base: [height: number, width: number]) {}

  get closable(): boolean {
    return this.open.length >= 3;
  }

  get complete(): boolean {
    return this.closed.length > 0 || this.closable;
  }

  add([y, x]: PointYx): void {
    const [height, width] = this.base;
    this.open = [...this.open, [Math.min(Math.max(y, 0), height), Math.min(Math.max(x, 0), width)]];
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

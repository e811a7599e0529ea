import type { Live } from './live.svelte';
import type { Capture, Comparison, Roi, State } from './types';

/** What is outlined: who is here, or where one edit should work or change nothing. */
export type Drawing = { what: 'person' } | { what: 'area' | 'spare'; edit: string };

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/** What the person is looking at. */
export class View {
  mode = $state<'grid' | 'loupe'>('grid');
  selected = $state<string | null>(null);
  filter = $state<State | 'all'>('all');
  comparison = $state<Comparison>('after');
  mask = $state(false);
  drawing = $state.raw<Drawing | null>(null);
  /** The edit whose items and hand are open in the panel and on the picture. */
  opened = $state<string | null>(null);
  /** The item of it that the person points at. */
  pointed = $state<string | null>(null);
  /** Whether it is asked just now if nobody is in the frame. */
  asking = $state(false);
  help = $state(false);
  autoAdvance = $state(false);
  /** Columns of the grid as it is laid out now. */
  columns = 1;
  /** The picture in the loupe, while that is open. Panning is in parts of the pane. */
  stage: { toggleZoom(): void; pan(dx: number, dy: number): void; look(roi: Roi): void } | null = null;

  constructor(private readonly live: Live) {}

  /** The captures of the filter; in the loupe also the selected one, until the person moves on. */
  readonly listed: Capture[] = $derived.by(() => {
    const all = [...this.live.captures.values()].sort(
      (a, b) => compare(a.arrived_at, b.arrived_at) || compare(a.name, b.name),
    );
    if (this.filter === 'all') return all;
    return all.filter(
      (capture) => capture.state === this.filter || (this.mode === 'loupe' && capture.id === this.selected),
    );
  });

  readonly current: Capture | null = $derived.by(
    () => (this.selected !== null && this.live.captures.get(this.selected)) || null,
  );

  /** Where the selected capture stands among the listed ones; -1 when it does not. */
  readonly index: number = $derived(this.listed.findIndex((capture) => capture.id === this.selected));

  select(id: string): void {
    this.selected = id;
    this.drawing = null;
    this.pointed = null;
    this.asking = false;
  }

  /** Begin to draw, or leave it where that is what is drawn already. */
  draw(drawing: Drawing): void {
    this.drawing = this.isDrawn(drawing) ? null : drawing;
  }

  isDrawn(drawing: Drawing): boolean {
    return JSON.stringify(this.drawing) === JSON.stringify(drawing);
  }

  open(id?: string): void {
    const target = id ?? this.current?.id ?? this.listed[0]?.id;
    if (target === undefined) return;
    this.select(target);
    this.mode = 'loupe';
  }

  close(): void {
    this.mode = 'grid';
    this.drawing = null;
  }

  /** Go on by so many captures; stops at both ends. */
  step(by: number): void {
    const { listed, index } = this;
    if (listed.length === 0) return;
    const target = index < 0 ? 0 : Math.min(Math.max(index + by, 0), listed.length - 1);
    this.select(listed[target]!.id);
  }

  compare(comparison: Comparison): void {
    this.comparison = this.comparison === comparison ? 'after' : comparison;
  }
}

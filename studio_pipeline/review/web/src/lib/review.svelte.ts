import * as api from './api';
import type { Live } from './live.svelte';
import type { Capture, Outcome, PointYx } from './types';

/** What is on the screen: one set of switches, and what it makes. Both change together or not at all. */
export interface Shown extends Outcome {
  id: string;
  enabled: string[];
  base: [height: number, width: number];
}

/** The capture under review: its switches, what they show, and the decisions about it. */
export class Review {
  /** As the person set the switches; `shown` follows when the server has answered. */
  enabled = $state.raw<string[]>([]);
  shown = $state.raw<Shown | null>(null);
  /** The hash of the render that has been on the screen whole. */
  seen = $state<string | null>(null);
  busy = $state(false);
  notice = $state('');
  said = $state('');
  #id: string | null = null;
  #proposalHash: string | null = null;
  readonly #live: Live;

  constructor(live: Live) {
    this.#live = live;
  }

  /** Whether what the switches say has been on the screen, so that it can be approved. */
  readonly settled: boolean = $derived(
    this.shown !== null &&
      this.shown.enabled.join() === this.enabled.join() &&
      this.seen === this.shown.shown_hash,
  );

  /** Show a capture. Another proposal than before resets the switches; the same one keeps them. */
  show(capture: Capture): void {
    if (capture.id !== this.#id) this.notice = '';
    const proposal = capture.proposal;
    if (proposal === undefined) {
      this.#forget(capture.id);
      this.#live.refresh(capture.id).catch((error: unknown) => this.#complain(error));
      return;
    }
    if (proposal === null) return this.#forget(capture.id);
    if (capture.id === this.#id && proposal.shown_hash === this.#proposalHash) return;
    this.#id = capture.id;
    this.#proposalHash = proposal.shown_hash;
    this.enabled = proposal.edits.filter((edit) => edit.enabled).map((edit) => edit.name);
    this.shown = { ...proposal, id: capture.id, enabled: this.enabled, base: proposal.base };
  }

  async toggle(capture: Capture, name: string): Promise<void> {
    const proposal = capture.proposal;
    if (!proposal) return;
    const names = proposal.edits.map((edit) => edit.name);
    const wanted = names.filter((other) => (other === name) !== this.enabled.includes(other));
    const before = this.enabled;
    this.enabled = wanted;
    try {
      const outcome = await api.outcome(capture.id, wanted);
      // The person may have switched again, or gone on, while the server was thinking.
      if (this.#id !== capture.id || this.enabled !== wanted) return;
      this.shown = { ...outcome, id: capture.id, enabled: wanted, base: proposal.base };
    } catch (error) {
      if (this.enabled === wanted) this.enabled = before;
      this.#complain(error);
    }
  }

  /** Approve exactly what is shown. False when it was refused, with the reason in `notice`. */
  async approve(capture: Capture): Promise<boolean> {
    const shown = this.shown;
    if (!shown || !this.settled || shown.id !== capture.id) return false;
    if (!shown.passed) {
      this.notice = 'A figure is outside its limits: switch that edit off, then approve.';
      return false;
    }
    return this.#decide(capture, 'Approved', () => api.approve(capture.id, shown.shown_hash, shown.enabled));
  }

  reject = (capture: Capture) => this.#decide(capture, 'Rejected', () => api.reject(capture.id));
  revoke = (capture: Capture) => this.#decide(capture, 'Revoked', () => api.revoke(capture.id));

  /** No decision: it may be said again before the answer to the last one is here. */
  pick = (capture: Capture) =>
    this.#say(capture, capture.picked ? 'Unpicked' : 'Picked', () => api.pick(capture.id, !capture.picked));

  repaint = (capture: Capture, polygons: PointYx[][]) =>
    this.#decide(capture, 'Outline sent for', () => api.repaint(capture.id, polygons));

  somebodyHere = (capture: Capture) =>
    this.#decide(capture, 'Somebody in', () => api.somebodyHere(capture.id));

  nobodyHere = (capture: Capture) =>
    this.#decide(capture, 'Nobody in', () => api.nobodyHere(capture.id));

  async #decide(capture: Capture, done: string, call: () => Promise<Capture | void>): Promise<boolean> {
    if (this.busy) return false;
    this.busy = true;
    try {
      return await this.#say(capture, done, call);
    } finally {
      this.busy = false;
    }
  }

  async #say(capture: Capture, done: string, call: () => Promise<Capture | void>): Promise<boolean> {
    this.notice = '';
    try {
      const row = await call();
      if (row) this.#live.put(row);
      this.said = `${done} ${capture.name}`;
      return true;
    } catch (error) {
      this.#complain(error);
      await this.#live.refresh(capture.id).catch(() => undefined);
      return false;
    }
  }

  #forget(id: string): void {
    this.#id = id;
    this.#proposalHash = null;
    this.enabled = [];
    this.shown = null;
  }

  #complain(error: unknown): void {
    this.notice = error instanceof Error ? `${error.message.charAt(0).toUpperCase()}${error.message.slice(1)}` : '';
  }
}

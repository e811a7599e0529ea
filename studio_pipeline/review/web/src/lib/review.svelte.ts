import * as api from './api';
import { changes, type Off, offOf, offWith, proposed, same } from './choice';
import type { Live } from './live.svelte';
import type { Capture, Choice, Edit, Outcome, PointYx, Proposal, Wish } from './types';

/** What is on the screen: one choice, and what it makes. Both change together or not at all. */
export interface Shown extends Outcome {
  id: string;
  choice: Choice;
  base: [height: number, width: number];
}

/** The capture under review: its switches, what they show, and the decisions about it. */
export class Review {
  /** As the person set the switches; `shown` follows when the server has answered. */
  enabled = $state.raw<string[]>([]);
  /** Ids of the items that are off, by edit. */
  off = $state.raw<Off>({});
  shown = $state.raw<Shown | null>(null);
  /** The hash of the render that has been on the screen whole. */
  seen = $state<string | null>(null);
  busy = $state(false);
  notice = $state('');
  said = $state('');
  #id: string | null = null;
  #proposal = $state.raw<Proposal | null>(null);
  /** The proposal about which the server is asked; more switching meanwhile is one more question. */
  #asked: Proposal | null = null;
  /** Switches that were set and not yet decided on, by the hash of the proposal: for who comes back to it. */
  readonly #kept = new Map<string, { enabled: string[]; off: Off }>();
  readonly #live: Live;

  constructor(live: Live) {
    this.#live = live;
  }

  readonly #choice: Choice = $derived({
    enabled: this.enabled,
    off: this.#proposal ? changes(this.#proposal, this.off) : {},
  });

  /** Whether what the switches say has been on the screen, so that it can be approved. */
  readonly settled: boolean = $derived(
    this.shown !== null &&
      same(this.shown.choice, this.#choice) &&
      this.seen === this.shown.shown_hash,
  );

  /** Show a capture. Another proposal than before resets the switches; one that was seen keeps them. */
  show(capture: Capture): void {
    if (capture.id !== this.#id) this.notice = '';
    const proposal = capture.proposal;
    if (proposal === undefined) {
      this.#forget(capture.id);
      this.#live.refresh(capture.id).catch((error: unknown) => this.#complain(error));
      return;
    }
    if (proposal === null) return this.#forget(capture.id);
    if (capture.id === this.#id && proposal.shown_hash === this.#proposal?.shown_hash) return;
    this.#id = capture.id;
    this.#proposal = proposal;
    const own = proposed(proposal);
    const kept = this.#kept.get(proposal.shown_hash);
    this.shown = { ...proposal, id: capture.id, choice: own, base: proposal.base };
    this.enabled = kept?.enabled ?? own.enabled;
    this.off = kept?.off ?? offOf(proposal);
    if (!same(own, this.#choice)) void this.#ask(capture.id, proposal);
  }

  toggle(capture: Capture, name: string): void {
    const names = capture.proposal?.edits.map((edit) => edit.name) ?? [];
    this.#switch(capture, { enabled: names.filter((other) => (other === name) !== this.enabled.includes(other)) });
  }

  /** Switch items of one edit on or off. */
  toggleItems(capture: Capture, name: string, ids: string[], on: boolean): void {
    const items = capture.proposal?.edits.find((edit) => edit.name === name)?.items ?? [];
    const touched = new Set(ids);
    const before = new Set(this.off[name]);
    const off = items.map((item) => item.id).filter((id) => (touched.has(id) ? !on : before.has(id)));
    this.#switch(capture, { off: { ...this.off, [name]: off } });
  }

  /** Show one of the candidates of an edit, or with '' what is made without a model. */
  choose(capture: Capture, edit: Edit, chosen: string): void {
    this.#switch(capture, { off: { ...this.off, [edit.name]: offWith(edit, this.off[edit.name] ?? [], chosen) } });
  }

  #switch(capture: Capture, to: Partial<{ enabled: string[]; off: Off }>): void {
    const { proposal } = capture;
    if (!proposal || capture.id !== this.#id) return;
    Object.assign(this, to);
    this.#kept.set(proposal.shown_hash, { enabled: this.enabled, off: this.off });
    void this.#ask(capture.id, proposal);
  }

  /** What the switches make now; one question at a time, for the server measures what it answers. */
  async #ask(id: string, proposal: Proposal): Promise<void> {
    if (this.#asked === proposal) return;
    this.#asked = proposal;
    const isGone = () => this.#id !== id || this.#proposal?.shown_hash !== proposal.shown_hash;
    try {
      for (let done = false; !done; ) {
        const choice = this.#choice;
        const outcome = await api.outcome(id, choice);
        if (isGone()) return;
        done = same(choice, this.#choice);
        if (done) this.shown = { ...outcome, id, choice, base: proposal.base };
      }
    } catch (error) {
      if (isGone()) return;
      this.enabled = this.shown?.choice.enabled ?? [];
      this.off = { ...offOf(proposal), ...this.shown?.choice.off };
      this.#kept.delete(proposal.shown_hash);
      this.#complain(error);
    } finally {
      if (this.#asked === proposal) this.#asked = null;
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
    return this.#decide(capture, 'Approved', () => api.approve(capture.id, shown.shown_hash, shown.choice));
  }

  reject = (capture: Capture) => this.#decide(capture, 'Rejected', () => api.reject(capture.id));
  revoke = (capture: Capture) => this.#decide(capture, 'Revoked', () => api.revoke(capture.id));

  /** No decision: it may be said again before the answer to the last one is here. */
  pick = (capture: Capture) =>
    this.#say(capture, capture.picked ? 'Unpicked' : 'Picked', () => api.pick(capture.id, !capture.picked));

  reference = (capture: Capture) =>
    this.#say(capture, capture.reference ? 'No reference:' : 'A reference:', () =>
      api.reference(capture.id, !capture.reference),
    );

  /** Have one edit planned anew as a person asks, with the switches as they stand. */
  hand = (capture: Capture, edit: string, wish: Wish) =>
    this.#decide(capture, 'Planned anew:', () => api.hand(capture.id, edit, wish, this.#choice));

  repaint = (capture: Capture, polygons: PointYx[][]) =>
    this.#decide(capture, 'Outline sent for', () => api.repaint(capture.id, polygons));

  somebodyHere = (capture: Capture) =>
    this.#decide(capture, 'Somebody in', () => api.somebodyHere(capture.id));

  namePeople = (capture: Capture, names: string[]) =>
    this.#decide(capture, 'People named in', async () => {
      await api.people(capture.id, names);
      await this.#live.refresh(capture.id);
    });

  /** What may be proposed of a person, '' of anybody in the session. */
  consent = (capture: Capture, subject: string, level: string, noGenerative: boolean) =>
    this.#decide(capture, 'Consent recorded, seen from', async () => {
      await api.consent(subject, level, noGenerative);
      await this.#live.refresh(capture.id);
    });

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
    this.#proposal = null;
    this.enabled = [];
    this.off = {};
    this.shown = null;
  }

  #complain(error: unknown): void {
    this.notice = error instanceof Error ? `${error.message.charAt(0).toUpperCase()}${error.message.slice(1)}` : '';
  }
}

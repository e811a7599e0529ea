import { SvelteMap } from 'svelte/reactivity';
import * as api from './api';
import type { Capture, Health, Status } from './types';

export type Connection = 'connecting' | 'live' | 'lost' | 'refused';

const RETRY_MS = 2000;

/** The session as the server's events tell it. */
export class Live {
  readonly captures = new SvelteMap<string, Capture>();
  /** The session's folder, whole. */
  session = $state('');
  health = $state.raw<Health | null>(null);
  connection = $state<Connection>('connecting');
  /** When the last frame landed, on this browser's clock. */
  lastFrameAtMs = $state<number | null>(null);
  #source: EventSource | null = null;
  #retry: ReturnType<typeof setTimeout> | undefined;

  /** Follow the session while the page is visible: an idle tab must not hold one of the few connections. */
  start(): () => void {
    const follow = () => (document.hidden ? this.#close() : this.#open());
    document.addEventListener('visibilitychange', follow);
    follow();
    return () => {
      document.removeEventListener('visibilitychange', follow);
      this.#close();
    };
  }

  /** Keep what is newer: an answer may arrive after the event that outdates it. */
  put(capture: Capture): void {
    const known = this.captures.get(capture.id);
    if (known && known.revision > capture.revision) return;
    this.captures.set(capture.id, { ...known, ...capture });
  }

  async refresh(id: string): Promise<void> {
    this.put(await api.capture(id));
  }

  #open(): void {
    if (this.#source) return;
    const source = (this.#source = new EventSource('/api/events'));
    const on = <T>(name: string, act: (data: T) => void) =>
      source.addEventListener(name, (event) => act(JSON.parse((event as MessageEvent<string>).data) as T));
    source.onopen = () => (this.connection = 'live');
    source.onerror = () => void this.#failed(source);
    on<{ status: Status; health: Health }>('snapshot', ({ status, health }) => {
      this.session = status.session;
      const present = new Set(status.captures.map((capture) => capture.id));
      for (const id of this.captures.keys()) if (!present.has(id)) this.captures.delete(id);
      // A snapshot may follow a restart, so it replaces even what seems newer.
      for (const capture of status.captures) this.captures.set(capture.id, capture);
      this.#heard(health);
    });
    on<{ captures: Capture[]; gone: string[] }>('change', ({ captures, gone }) => {
      if (captures.some(({ id }) => !this.captures.has(id))) this.lastFrameAtMs = Date.now();
      captures.forEach((capture) => this.put(capture));
      gone.forEach((id) => this.captures.delete(id));
    });
    on<Health>('health', (health) => this.#heard(health));
  }

  #close(): void {
    clearTimeout(this.#retry);
    this.#source?.close();
    this.#source = null;
  }

  #heard(health: Health): void {
    this.health = health;
    const age = health.last_frame_age_s;
    this.lastFrameAtMs = age === null ? null : Date.now() - age * 1000;
  }

  /** The browser reconnects by itself unless the server refused; then ask why. */
  async #failed(source: EventSource): Promise<void> {
    if (this.connection !== 'refused') this.connection = 'lost';
    if (source.readyState !== EventSource.CLOSED) return;
    this.#close();
    try {
      await api.health();
    } catch (error) {
      if (error instanceof api.ApiError && error.status === 403) this.connection = 'refused';
    }
    if (!document.hidden) this.#retry = setTimeout(() => this.#open(), RETRY_MS);
  }
}

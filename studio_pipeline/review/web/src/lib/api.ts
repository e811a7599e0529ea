import type { Capture, Choice, Layer, Outcome, PointYx, Wish } from './types';

/** The server refused or could not; the message is for people. Status 0 = it did not answer. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

async function request<T>(path: string, body?: unknown): Promise<T> {
  const init: RequestInit =
    body === undefined
      ? {}
      : { method: 'POST', body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } };
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch {
    throw new ApiError(0, 'the program does not answer: is it still running?');
  }
  if (!response.ok) {
    const answer = await response.json().catch(() => null);
    throw new ApiError(response.status, answer?.error ?? `the program answered with status ${response.status}`);
  }
  return (response.status === 204 ? undefined : await response.json()) as T;
}

const at = (id: string) => `/api/captures/${encodeURIComponent(id)}`;

function switches({ enabled, off }: Choice): string {
  const edits = `edits=${enabled.map(encodeURIComponent).join(',')}`;
  return Object.keys(off).length ? `${edits}&off=${encodeURIComponent(JSON.stringify(off))}` : edits;
}

export const health = () => request<unknown>('/api/health');
export const capture = (id: string) => request<Capture>(at(id));
export const outcome = (id: string, choice: Choice) => request<Outcome>(`${at(id)}/shown?${switches(choice)}`);
export const approve = (id: string, shown_hash: string, { enabled, off }: Choice) =>
  request<Capture>(`${at(id)}/approve`, { shown_hash, enabled, off });
/** Plan one edit anew; the new proposal starts with the switches of `choice`. */
export const hand = (id: string, edit: string, wish: Wish, { enabled, off }: Choice) =>
  request<Capture>(`${at(id)}/hand`, { edit, ...wish, enabled, off });
export const reject = (id: string) => request<Capture>(`${at(id)}/reject`, {});
export const revoke = (id: string) => request<Capture>(`${at(id)}/revoke`, {});
export const pick = (id: string, picked: boolean) => request<Capture>(`${at(id)}/pick`, { picked });
export const reference = (id: string, reference: boolean) =>
  request<Capture>(`${at(id)}/reference`, { reference });
export const repaint = (id: string, polygons: PointYx[][]) => request<void>(`${at(id)}/repaint`, { polygons });
export const people = (id: string, names: string[]) => request<Capture>(`${at(id)}/people`, { people: names });
export const consent = (subject: string, level: string, no_generative: boolean) =>
  request<{ voided: string[]; delivered: string[] }>('/api/consent', { subject, level, no_generative });
export const somebodyHere = (id: string) => request<void>(`${at(id)}/somebody-here`, {});
export const nobodyHere = (id: string) => request<void>(`${at(id)}/nobody-here`, {});

export const previewUrl = (capture: Capture, longEdgePx: number) =>
  `${at(capture.id)}/preview?edge=${longEdgePx}&v=${capture.revision}`;

/** What a choice shows, whole and small. */
export const smallUrl = (id: string, choice: Choice, hash: string, longEdgePx: number) =>
  `${at(id)}/small?edge=${longEdgePx}&${switches(choice)}&v=${hash}`;

/** `hash` is in the address only so that the browser never shows a tile of another render from its cache. */
export const tileUrl = (
  id: string,
  layer: Layer,
  choice: Choice,
  hash: string,
  level: number,
  col: number,
  row: number,
) => `${at(id)}/tiles/${layer}/${level}/${col}_${row}?${switches(choice)}&v=${hash}`;

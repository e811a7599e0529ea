/** What the server tells; coordinates are master pixels, rows first, the base's first pixel at (0, 0). */

export type State =
  | 'taken-in'
  | 'developed'
  | 'proposed'
  | 'needs-a-person'
  | 'waiting-for-tiff'
  | 'approved'
  | 'rejected'
  | 'delivered'
  | 'withdrawn'
  | 'quarantined'
  | 'purged';

/** Half-open: y0, x0, y1, x1. */
export type Roi = [number, number, number, number];
export type PointYx = [number, number];

export interface Guard {
  name: string;
  edit: string | null;
  value: number;
  limit: number;
  low: number;
  passed: boolean;
  unit: string;
}

export interface Edit {
  name: string;
  title: string;
  version: number;
  engine: string;
  tier: string;
  enabled: boolean;
  changes: boolean;
  params: Record<string, unknown>;
  refusals: { where: string; reason: string }[];
  notes: string[];
  /** Parts with a switch of their own. */
  items: Item[];
  /** Ids of the items that are off in the proposal. */
  off: string[];
  /** What a person asked of this edit; null when it is as proposed. */
  hand: Hand | null;
  said_by: string | null;
}

export interface Item {
  id: string;
  /** A word for people, "spot". */
  kind: string;
  roi: Roi;
  said: string;
}

export interface Hand {
  area: PointYx[][];
  spare: PointYx[][];
  tries: number;
}

/** What a person asks anew; a list that is left out stays as it was drawn. */
export type Wish = Partial<Pick<Hand, 'area' | 'spare'>> & { again?: boolean; clear?: boolean };

/** The switches: edits that are on, and items that are off, of edits where those are not the proposal's. */
export interface Choice {
  enabled: string[];
  off: Record<string, string[]>;
}

/** What one choice makes; an approval is bound to its hash. */
export interface Outcome {
  shown_hash: string;
  canvas: Roi;
  guards: Guard[];
  passed: boolean;
  tier: string;
  /** How much of the picture's pixels models made. */
  generated?: { share: number; by: string[] };
}

export interface Proposal extends Outcome {
  hash: string;
  base: [height: number, width: number];
  edits: Edit[];
}

export interface Subject {
  kind: string;
  sure: boolean;
  reason: string;
  faces: Roi[];
  decided_by: string | null;
}

export interface Decision {
  verb: string;
  user: string;
  via: string;
  decided_at: string;
}

/** What may be proposed of a capture, and by whose word. */
export interface Consent {
  level: string;
  no_generative: boolean;
  why: string;
}

export interface File {
  path: string;
  bytes: number;
}

export interface Capture {
  id: string;
  name: string;
  state: State;
  reason: string | null;
  kind: string | null;
  rating: number | null;
  picked: boolean;
  /** Named by a person: others may be matched to it. */
  reference: boolean;
  label: string | null;
  tier: string | null;
  arrived_at: string;
  captured_at: string | null;
  preview: boolean;
  revision: number;
  files: File[];
  /** Where the same bytes lie too. */
  copies?: string[];
  deliverables: { path: string }[];
  /** Absent until asked for; null when there is none. */
  proposal?: Proposal | null;
  subject?: Subject | null;
  decisions?: Decision[];
  /** Frames of the set that its proposal was made beside, and the edits that make use of each. */
  beside?: { role: string; id: string; name: string; edits: string[] }[];
  /** Who is in it, as somebody named them. */
  people?: string[];
  consent?: Consent;
  /** What edits start from: the developed RAW, an exported TIFF, a JPEG. */
  base?: { kind: string; notes: string[] } | null;
}

export interface Status {
  /** The session's folder, whole. */
  session: string;
  captures: Capture[];
}

export interface Camera {
  serial: string | null;
  frames: number;
  last_frame_age_s: number;
}

export interface Health {
  last_frame_age_s: number | null;
  /** Red until their cause is gone. */
  alarms?: string[];
  /** Only said. */
  notices?: string[];
  tether?: { cameras: Camera[] };
  preset: string;
  jobs: { running: unknown[]; queued: number };
  counts: Partial<Record<State, number>>;
}

export type Layer = 'before' | 'after' | 'mask';
export type Comparison = 'after' | 'before' | 'split' | 'side';

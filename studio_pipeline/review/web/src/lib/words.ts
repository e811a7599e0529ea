import type { Guard, State } from './types';

/** How each state is called on the page, those that want a person first. */
export const STATE_WORDS: Record<State, string> = {
  proposed: 'To review',
  'needs-a-person': 'Needs a person',
  approved: 'Approved',
  delivered: 'Delivered',
  rejected: 'Rejected',
  quarantined: 'Set aside',
  'waiting-for-tiff': 'Waiting for TIFF',
  developed: 'Developed',
  'taken-in': 'Taken in',
  withdrawn: 'Withdrawn',
  purged: 'Purged',
};

export const STATES = Object.keys(STATE_WORDS) as State[];

/** What a person can do about a state, where the state alone does not say it. */
export const STATE_ADVICE: Partial<Record<State, string>> = {
  'taken-in': 'The file is safe and waits to be developed.',
  developed: 'No proposal yet.',
  'waiting-for-tiff': 'The file is safe. Export a 16-bit TIFF of it into the session, and it goes on from there.',
  withdrawn: 'The file was moved to the trash folder; move it back and it returns.',
  quarantined: 'The file is safe, but nothing can be made of it.',
};

/** How far edits may go, the strictest first. */
export const LEVELS = ['nothing', 'backdrop only', 'bounded retouch'];

const GUARD_WORDS: Record<string, string> = {
  locked_pixels: 'Protected pixels changed',
  skin_tone: 'Skin colour moved',
  skin_spread: 'Skin evenness changed',
  outside_spots: 'Skin changed outside the spots',
  spot_radius: 'Largest spot, of the face',
  retouched_skin: 'Retouched, of the skin',
  spot_shift: 'Colour shift of a spot',
  spot_texture: 'Texture of healed skin',
  shine_chroma: 'Colour shift under shine',
  shine_texture: 'Texture under shine',
  shine_brighter: 'Brighter under shine',
  outside_strands: 'Changed outside the stray hairs',
  strand_width: 'Widest stroke, of the long edge',
  tamed_area: 'Stray hairs, of the picture',
  strand_step: 'Light where a hair was',
  strand_texture: 'Texture where hairs were',
  lint_misplaced: 'Beside skin, or not below a face',
  lint_count: 'Specks of lint healed',
  lint_radius: 'Largest speck, of the face',
  lint_area: 'Healed, of the picture',
  lint_step: 'Colour where lint was',
  lint_texture: 'Texture where lint was',
  new_faces: 'New faces in added area',
  new_people: 'People or hands in generated area',
  new_structure: 'Edges in generated area, over those of the set',
  new_colours: 'Colours in generated area that the set has not',
  seam: 'Seam',
  grain: 'Grain',
  new_area: 'Added area',
  healed_area: 'Healed area',
  filled_area: 'Filled area',
};

/** Figures that are parts of the base's area. */
const FRACTIONS = new Set(['new_area', 'new_colours', 'healed_area', 'filled_area']);

export const guardTitle = (name: string) => GUARD_WORDS[name] ?? sentence(name);

export function figure(value: number, unit = ''): string {
  const size = Math.abs(value);
  const text = Number.isInteger(value)
    ? value.toLocaleString('en')
    : size >= 100
      ? Math.round(value).toLocaleString('en')
      : size >= 0.1
        ? String(Number(value.toFixed(size < 10 ? 2 : 1)))
        : String(Number(value.toPrecision(2)));
  return unit ? `${text} ${unit}` : text;
}

export const percent = (value: number) => `${figure(value * 100)}%`;

/** A figure's title says of what it is so many per cent. */
const isPercent = (unit: string) => unit.startsWith('%');

export const guardFigure = ({ name, value, unit }: Guard) =>
  FRACTIONS.has(name) ? percent(value) : isPercent(unit) ? `${figure(value)}%` : figure(value, unit);

export function limits({ name, low, limit, unit }: Guard): string {
  if (low === limit) return `must be ${figure(limit)}`;
  if (low !== 0) return `within ${figure(low)}–${figure(limit)}`;
  return `at most ${FRACTIONS.has(name) ? percent(limit) : figure(limit)}${isPercent(unit) ? '%' : ''}`;
}

export function age(seconds: number): string {
  if (seconds < 1) return 'just now';
  if (seconds < 100) return `${Math.floor(seconds)} s ago`;
  if (seconds < 5400) return `${Math.floor(seconds / 60)} min ago`;
  return `${Math.floor(seconds / 3600)} h ago`;
}

export const clock = (iso: string) =>
  new Date(iso).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });

export const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;

/** `new_faces` to `New faces`; a text that begins with a letter, begun with a capital. */
export const sentence = (text: string) => {
  const plain = text.replaceAll('_', ' ');
  return plain.charAt(0).toUpperCase() + plain.slice(1);
};

export type Command =
  | 'approve'
  | 'reject'
  | 'revoke'
  | 'pick'
  | 'reference'
  | 'nobody'
  | 'grid'
  | 'loupe'
  | 'left'
  | 'right'
  | 'up'
  | 'down'
  | 'first'
  | 'last'
  | 'original'
  | 'side'
  | 'split'
  | 'mask'
  | 'zoom'
  | 'pan-left'
  | 'pan-right'
  | 'pan-up'
  | 'pan-down'
  | 'fullscreen'
  | 'escape'
  | 'help';

/** The cheat sheet: what the keys do, for people. */
export const SHEET: { group: string; rows: [keys: string, does: string][] }[] = [
  {
    group: 'Move',
    rows: [
      ['← → ↑ ↓', 'previous, next; a row up, down in the grid'],
      ['Home  End', 'first, last'],
      ['E', 'loupe (Enter or Space on a frame, too)'],
      ['G  Esc', 'grid'],
      ['F', 'full screen'],
    ],
  },
  {
    group: 'Look',
    rows: [
      ['Z', 'fit, or 100% at the pointer'],
      ['Shift ← → ↑ ↓', 'look around'],
      ['\\', 'original'],
      ['Y', 'before and after, side by side'],
      ['Shift Y', 'before and after, split: drag the line, or ← → on it'],
      ['O', 'what is protected'],
    ],
  },
  {
    group: 'Decide',
    rows: [
      ['Enter', 'approve exactly what the loupe shows'],
      ['X', 'reject'],
      ['U', 'revoke'],
      ['P', 'pick, or unpick: picked frames go first'],
      ['R', 'a reference, or none: others are matched to it'],
      ['N', 'nobody here: the frame is an empty set'],
      ['Caps Lock', 'go on to the next frame after each decision'],
      ['?', 'this sheet'],
    ],
  },
];

const PLAIN: Record<string, Command> = {
  enter: 'approve',
  x: 'reject',
  u: 'revoke',
  p: 'pick',
  r: 'reference',
  n: 'nobody',
  g: 'grid',
  e: 'loupe',
  arrowleft: 'left',
  arrowright: 'right',
  arrowup: 'up',
  arrowdown: 'down',
  home: 'first',
  end: 'last',
  '\\': 'original',
  y: 'side',
  o: 'mask',
  z: 'zoom',
  f: 'fullscreen',
  escape: 'escape',
  '?': 'help',
};

const SHIFTED: Record<string, Command> = {
  y: 'split',
  arrowleft: 'pan-left',
  arrowright: 'pan-right',
  arrowup: 'pan-up',
  arrowdown: 'pan-down',
};

/** The command of a key press, or null when the key belongs to the browser or to what has the focus. */
export function commandOf(event: KeyboardEvent): Command | null {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return null;
  const key = event.key.toLowerCase(); // Caps Lock turns letters into capitals.
  const target = event.target as HTMLElement;
  if (key === 'enter' && target.closest('button, a, summary')) return null;
  if (target.closest('dialog') || (key.startsWith('arrow') && target.closest('[role="slider"], [role="radiogroup"]'))) return null;
  if (event.shiftKey && key in SHIFTED) return SHIFTED[key]!;
  return PLAIN[key] ?? null;
}

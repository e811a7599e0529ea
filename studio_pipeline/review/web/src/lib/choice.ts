import type { Choice, Edit, Item, Proposal } from './types';

/** The ids of the items that are off, of each edit that has items. */
export type Off = Record<string, string[]>;

/** The switches as the proposal has them. */
export const proposed = (proposal: Proposal): Choice => ({
  enabled: proposal.edits.filter((edit) => edit.enabled).map((edit) => edit.name),
  off: {},
});

export const offOf = (proposal: Proposal): Off =>
  Object.fromEntries(proposal.edits.filter((edit) => edit.items.length).map((edit) => [edit.name, edit.off]));

/** The lists of `off` that are not the proposal's own: an address names no more than it must. */
export function changes(proposal: Proposal, off: Off): Off {
  const own = offOf(proposal);
  return Object.fromEntries(Object.entries(off).filter(([name, ids]) => ids.join() !== own[name]?.join()));
}

/** What a model made, one of which is shown; with none on, what is made without one. */
export const candidatesOf = (edit: Edit): Item[] => edit.items.filter(({ kind }) => kind === 'generated');

/** The items of an edit that are off when one of its candidates is on, or none ('' for that). */
export function offWith(edit: Edit, off: string[], chosen: string): string[] {
  const made = new Set(candidatesOf(edit).map(({ id }) => id));
  return edit.items.map(({ id }) => id).filter((id) => (made.has(id) ? id !== chosen : off.includes(id)));
}

export const same = (one: Choice, other: Choice) => key(one) === key(other);

const key = ({ enabled, off }: Choice) => JSON.stringify([enabled, Object.entries(off).sort()]);

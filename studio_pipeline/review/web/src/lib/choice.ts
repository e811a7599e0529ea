import type { Choice, Proposal } from './types';

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

export const same = (one: Choice, other: Choice) => key(one) === key(other);

const key = ({ enabled, off }: Choice) => JSON.stringify([enabled, Object.entries(off).sort()]);

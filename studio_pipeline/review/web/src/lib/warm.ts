import * as api from './api';
import type { Live } from './live.svelte';
import { proposed } from './choice';
import { firstLevel } from './pyramid';
import type { Capture } from './types';

/** Have the server render a capture that will probably be looked at next. Best effort: failures show when it is. */
export async function warm(capture: Capture | undefined, live: Live): Promise<void> {
  if (!capture || !['proposed', 'needs-a-person'].includes(capture.state)) return;
  try {
    if (capture.proposal === undefined) await live.refresh(capture.id);
    const proposal = live.captures.get(capture.id)?.proposal;
    if (!proposal) return;
    const level = firstLevel(proposal.canvas);
    await fetch(api.tileUrl(capture.id, 'after', proposed(proposal), proposal.shown_hash, level, 0, 0), {
      priority: 'low',
    });
  } catch {
    // The same request will be made, and its failure shown, when the person gets there.
  }
}

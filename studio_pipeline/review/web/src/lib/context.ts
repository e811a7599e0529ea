import { createContext } from 'svelte';
import type { Live } from './live.svelte';
import type { Review } from './review.svelte';
import type { View } from './view.svelte';

export interface Desk {
  live: Live;
  view: View;
  review: Review;
}

export const [useDesk, setDesk] = createContext<Desk>();

import type { Desk } from './context';
import type { Command } from './keys';
import type { Capture } from './types';

/** The frame decided about, then the next one when Caps Lock is on. */
export async function decide(
  { view, review }: Desk,
  capture: Capture,
  verb: 'approve' | 'reject' | 'revoke',
): Promise<void> {
  // Under a filter the decided frame leaves the list: its neighbour is found before that.
  const next = view.listed[view.index + 1];
  const done = await review[verb](capture);
  if (done && view.autoAdvance && next && view.selected === capture.id) view.select(next.id);
}

/** Do what a key says. False when it means nothing here, so that the browser may have the key. */
export function act(command: Command, desk: Desk): boolean {
  const { view } = desk;
  if (command === 'help') view.help = true;
  else if (command === 'grid' || command === 'escape') view.close();
  else if (command === 'loupe') view.open();
  else if (command === 'fullscreen') toggleFullScreen();
  else if (command === 'first') view.step(-Infinity);
  else if (command === 'last') view.step(Infinity);
  else if (command === 'left') view.step(-1);
  else if (command === 'right') view.step(1);
  else if (command === 'reject' || command === 'revoke') return decideCurrent(command, desk);
  else if (command === 'pick') void (view.current && desk.review.pick(view.current));
  else if (command === 'reference') nameReference(desk);
  else return view.mode === 'loupe' ? inLoupe(command, desk) : inGrid(command, desk);
  return true;
}

function inLoupe(command: Command, desk: Desk): boolean {
  const { view } = desk;
  if (command === 'approve') return decideCurrent('approve', desk);
  if (command === 'nobody') view.asking = true;
  else if (command === 'original') view.compare('before');
  else if (command === 'side' || command === 'split') view.compare(command);
  else if (command === 'mask') view.mask = !view.mask;
  else if (command === 'zoom') view.stage?.toggleZoom();
  else if (command === 'up') view.step(-1);
  else if (command === 'down') view.step(1);
  else if (command in PANS) view.stage?.pan(...PANS[command]!);
  else return false;
  return true;
}

const PANS: Partial<Record<Command, [dx: number, dy: number]>> = {
  'pan-left': [-0.25, 0],
  'pan-right': [0.25, 0],
  'pan-up': [0, -0.25],
  'pan-down': [0, 0.25],
};

function inGrid(command: Command, { view }: Desk): boolean {
  // In the grid a frame is too small to be approved: Enter opens it.
  if (command === 'approve') view.open();
  else if (command === 'up') view.step(-view.columns);
  else if (command === 'down') view.step(view.columns);
  else return false;
  return true;
}

function decideCurrent(verb: 'approve' | 'reject' | 'revoke', desk: Desk): boolean {
  const { current } = desk.view;
  if (current && may(verb, current)) void decide(desk, current, verb);
  return true;
}

/** Whether a decision makes sense in a capture's state; the server has the last word. */
export function may(verb: 'approve' | 'reject' | 'revoke', { state, proposal }: Capture): boolean {
  if (verb === 'approve') return !!proposal && ['proposed', 'needs-a-person', 'rejected'].includes(state);
  if (verb === 'reject') return ['proposed', 'needs-a-person'].includes(state);
  return ['approved', 'delivered', 'rejected'].includes(state);
}

function nameReference({ view, review }: Desk): void {
  if (view.current && mayBeReference(view.current)) void review.reference(view.current);
}

/** One that is a reference can always be taken back. */
export const mayBeReference = ({ reference, state }: Capture) =>
  reference || !['withdrawn', 'quarantined'].includes(state);

/** Whether somebody may say that nobody is in it. */
export const mayBeEmpty = ({ state, kind, subject }: Capture) =>
  ['proposed', 'needs-a-person', 'rejected', 'developed'].includes(state) &&
  !!subject &&
  !(kind === 'empty-set' && subject.sure);

function toggleFullScreen(): void {
  if (document.fullscreenElement) void document.exitFullscreen();
  else void document.documentElement.requestFullscreen();
}

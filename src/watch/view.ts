/** What the reader of the screen has chosen, and how keys change it. Pure: the screen is drawn from this and from the figures. */
import type { WatchEvent } from './event.ts';
import type { Key } from './keys.ts';

export interface View {
  readonly mode: 'live' | 'typing' | 'details' | 'help';
  readonly paused: boolean;
  /** Shown are lines with this in them, in whatever case. */
  readonly filter: string;
  /** The filter as it is being typed. */
  readonly typed: string;
  /** Position among findings and pairs. */
  readonly selected: number;
  /** Lines of the details that are above the screen. */
  readonly scrolled: number;
  /** Newest last. */
  readonly events: readonly WatchEvent[];
  /** Said in the last line, until it is replaced. */
  readonly message?: string;
}

export type Action = 'quit' | 'write' | 'suspend' | 'redraw';

/** Events kept for the screen. */
export const MOST_EVENTS = 400;
const LONGEST_FILTER = 60;
const PAGE = 10;

export const EMPTY_VIEW: View = {
  mode: 'live',
  paused: false,
  filter: '',
  typed: '',
  selected: 0,
  scrolled: 0,
  events: [],
};

export function withEvent(view: View, event: WatchEvent): View {
  return { ...view, events: [...view.events.slice(1 - MOST_EVENTS), event] };
}

/** @param items how many can be selected */
export function pressed(view: View, key: Key, items: number): { view: View; action?: Action } {
  const { message: _, ...quiet } = view;
  if (key.name === 'interrupt') return { view: quiet, action: 'quit' };
  if (key.name === 'suspend') return { view: quiet, action: 'suspend' };
  if (key.name === 'redraw') return { view: quiet, action: 'redraw' };
  if (view.mode === 'typing') return { view: typing(quiet, key) };
  if (view.mode === 'help') return isQuit(key) ? { view: quiet, action: 'quit' } : { view: { ...quiet, mode: 'live' } };
  const moved = movedBy(key);
  if (moved !== undefined)
    return { view: view.mode === 'details' ? scroll(quiet, moved) : select(quiet, moved, items) };
  if (key.name === 'enter') return { view: details(quiet, items) };
  if (key.name === 'escape')
    return { view: view.mode === 'details' ? { ...quiet, mode: 'live', scrolled: 0 } : { ...quiet, filter: '' } };
  if (key.name !== 'char') return { view: quiet };
  switch (key.char) {
    case 'p':
    case ' ':
      return { view: { ...quiet, paused: !view.paused } };
    case '/':
      return { view: { ...quiet, mode: 'typing', typed: view.filter } };
    case 'd':
      return { view: details(quiet, items) };
    case 'w':
      return { view: quiet, action: 'write' };
    case '?':
    case 'h':
      return { view: { ...quiet, mode: 'help' } };
    case 'q':
      return view.mode === 'details'
        ? { view: { ...quiet, mode: 'live', scrolled: 0 } }
        : { view: quiet, action: 'quit' };
    default:
      return { view: quiet };
  }
}

function isQuit(key: Key): boolean {
  return key.name === 'char' && key.char === 'q';
}

function typing(view: View, key: Key): View {
  switch (key.name) {
    case 'enter':
      return { ...view, mode: 'live', filter: view.typed, selected: 0 };
    case 'escape':
      return { ...view, mode: 'live', typed: view.filter };
    case 'backspace':
      return { ...view, typed: [...view.typed].slice(0, -1).join('') };
    case 'char':
      return view.typed.length < LONGEST_FILTER ? { ...view, typed: view.typed + key.char } : view;
    default:
      return view;
  }
}

function movedBy(key: Key): number | undefined {
  switch (key.name) {
    case 'up':
      return -1;
    case 'down':
      return 1;
    case 'page-up':
      return -PAGE;
    case 'page-down':
      return PAGE;
    case 'home':
      return Number.NEGATIVE_INFINITY;
    case 'end':
      return Number.POSITIVE_INFINITY;
    case 'char':
      return key.char === 'k' ? -1 : key.char === 'j' ? 1 : undefined;
    default:
      return undefined;
  }
}

function select(view: View, by: number, items: number): View {
  return { ...view, selected: Math.max(0, Math.min(items - 1, view.selected + by)) };
}

/** The end is not known here: the screen stops at it. */
function scroll(view: View, by: number): View {
  return { ...view, scrolled: Math.max(0, Math.min(1000, view.scrolled + by)) };
}

function details(view: View, items: number): View {
  return items === 0
    ? { ...view, message: 'nothing was asked yet: there is nothing to show' }
    : { ...view, mode: view.mode === 'details' ? 'live' : 'details', scrolled: 0 };
}

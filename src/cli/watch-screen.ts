/** The full screen on a real terminal: the alternate buffer, raw keys, and both given back however it ends. */

import { VdiagError } from '../linux/error.ts';
import { detectTerminal } from '../report/terminal.ts';
import type { Live } from '../session/watch-live.ts';
import { minutePath, writeMinute } from '../session/write-minute.ts';
import { keysIn } from '../watch/keys.ts';
import { itemsOf, screenLines } from '../watch/screen.ts';
import { type Action, EMPTY_VIEW, pressed, type View, withEvent } from '../watch/view.ts';
import type { Audience } from './watch-lines.ts';

/** xterm's control sequences: alternate screen with the cursor saved, cursor hidden, no wrapping; and back. */
const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J';
const LEAVE = '\x1b[?7h\x1b[?25h\x1b[0m\x1b[?1049l';
/** Keys are answered at once; figures are drawn no more often than this. */
const DRAW_MS = 240;
/** A terminal that does not take more is not given more: what it misses, the next drawing has. */
const MOST_UNREAD = 1 << 16;

export interface ScreenOptions {
  readonly color: boolean;
  /** Ends the watching. */
  readonly stop: () => void;
}

export function openScreen({ color, stop }: ScreenOptions): Audience {
  const { stdin, stdout } = process;
  let view: View = EMPTY_VIEW;
  let live: Live | undefined;
  /** What is shown while it is paused. */
  let frozen: { live: Live; view: View } | undefined;
  let drawn: string[] = [];
  let drawnMs = 0;
  let on = false;

  const enter = (): void => {
    if (on) return;
    on = true;
    drawn = [];
    if (stdin.isTTY) stdin.setRawMode(true);
    stdout.write(ENTER);
  };
  const leave = (): void => {
    if (!on) return;
    on = false;
    if (stdin.isTTY) stdin.setRawMode(false);
    stdout.write(LEAVE);
  };
  const draw = (): void => {
    const shown = frozen?.live ?? live;
    if (!on || !shown || stdout.writableLength > MOST_UNREAD) return;
    drawnMs = performance.now();
    const terminal = detectTerminal(stdout, process.env, { color });
    const size = { columns: stdout.columns || 80, rows: stdout.rows || 24 };
    const width = { ...terminal, width: size.columns };
    const events = frozen?.view.events ?? view.events;
    const lines = screenLines({ ...view, events }, shown, width, size);
    // Only lines that are otherwise than before: calm, and little to send.
    const changed = lines.flatMap((line, row) => (drawn[row] === line ? [] : `\x1b[${row + 1};1H\x1b[2K${line}`));
    drawn = lines;
    if (changed.length > 0) stdout.write(changed.join(''));
  };
  const redraw = (): void => {
    drawn = [];
    if (on) stdout.write('\x1b[2J');
    draw();
  };
  const actions: Readonly<Record<Action, () => void>> = {
    quit: stop,
    write: () => {
      view = { ...view, message: live ? written(live) : 'nothing was seen yet' };
    },
    suspend: () => {
      leave();
      process.kill(process.pid, 'SIGSTOP');
    },
    redraw,
  };
  const onData = (data: Buffer | string): void => {
    for (const key of keysIn(data.toString())) {
      const before = view.paused;
      const items = live ? itemsOf(view, frozen?.live ?? live).length : 0;
      const { view: next, action } = pressed(view, key, items);
      view = next;
      if (view.paused !== before) frozen = view.paused && live ? { live: stillOf(live), view } : undefined;
      if (action !== undefined) actions[action]();
    }
    draw();
  };
  const onContinue = (): void => {
    enter();
    redraw();
  };
  process.on('exit', leave);
  // Before Node says what went wrong: on the other screen nobody would read it.
  process.on('uncaughtExceptionMonitor', leave);
  process.on('SIGCONT', onContinue);
  stdout.on('resize', redraw);
  stdin.on('data', onData);
  enter();
  return {
    tell(event) {
      view = withEvent(view, event);
    },
    tick(now) {
      live = now;
      if (performance.now() - drawnMs >= DRAW_MS) draw();
    },
    end() {
      leave();
      process.off('exit', leave);
      process.off('uncaughtExceptionMonitor', leave);
      process.off('SIGCONT', onContinue);
      stdout.off('resize', redraw);
      stdin.off('data', onData);
      stdin.pause();
    },
  };
}

/** Pairs and hops go on counting: a copy does not. */
function stillOf(live: Live): Live {
  return {
    ...live,
    pairs: live.pairs.map((pair) => ({ ...pair })),
    hops: live.hops.map((hop) => ({ ...hop })),
  };
}

function written(live: Live): string {
  const path = minutePath(new Date());
  const frames = live.lastMinute();
  try {
    writeMinute(path, { frames, topology: live.topology, places: live.places, leftOut: live.leftOut });
    return `wrote ${frames.length} frames to ${path}: vdiag analyze ${path}`;
  } catch (error) {
    if (!(error instanceof VdiagError)) throw error;
    return `${error.message}: ${error.hint}`;
  }
}

/** Who is told what a live view sees: here, whoever reads lines. */
import { fstatSync } from 'node:fs';
import { pollReadable } from '../linux/poll.ts';
import type { Terminal } from '../report/terminal.ts';
import type { Live } from '../session/watch-live.ts';
import type { WatchEvent } from '../watch/event.ts';
import { eventJson } from '../watch/event-json.ts';
import { eventLines } from '../watch/event-line.ts';

/** Where events go: lines, or the screen. */
export interface Audience {
  tell(event: WatchEvent): void;
  tick(live: Live): void;
  /** Before the summary is written. */
  end(): void;
}

/** What a reader has not taken yet may be so much; beyond, events are left out and counted. */
const MOST_UNREAD = 4 << 20;
const STANDARD_OUTPUT = 1;

/**
 * One line an event; a reader that does not keep up misses some, and is told how many.
 * @param stop called when nobody reads any more
 */
export function lineAudience(
  json: boolean,
  terminal: Terminal,
  live: () => Live | undefined,
  stop: () => void,
): Audience {
  const isPipe = fstatSync(STANDARD_OUTPUT).isFIFO();
  const names = {
    placeName: (place: { netns: string; name: string }) => live()?.placeName(place) ?? `${place.name}@${place.netns}`,
    netnsName: (id: string) => live()?.netnsName(id) ?? id,
  };
  let unread = 0;
  return {
    tell(event) {
      if (process.stdout.writableLength > MOST_UNREAD) {
        unread++;
        return;
      }
      if (unread > 0) {
        const skipped = { event: 'skipped', timeNs: event.timeNs, lost: 0, untold: unread } as const;
        unread = 0;
        this.tell(skipped);
      }
      const text = json ? eventJson(event) : eventLines(event, names, terminal).join('\n');
      process.stdout.write(`${text}\n`);
    },
    tick() {
      // A reader that went away is noticed also while there is nothing to tell it (POLLERR, poll(2)).
      if (isPipe) void pollReadable([STANDARD_OUTPUT], 0).then((ready) => ready.size > 0 && stop());
    },
    end: () => undefined,
  };
}

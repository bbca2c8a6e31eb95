/** Findings of a live view: told when they are certain, and told again when they are over. */
import type { CaptureFinding } from '../diagnose/analysis.ts';
import { placeKey } from '../trace/frame.ts';
import type { Pair } from '../watch/pairs.ts';

export interface LiveFinding {
  readonly finding: CaptureFinding;
  /** Of its first judgement, and of the latest that had it; Unix nanoseconds. */
  readonly sinceNs: bigint;
  readonly lastNs: bigint;
  readonly over: boolean;
}

interface Held {
  finding: CaptureFinding;
  readonly sinceNs: bigint;
  lastNs: bigint;
  /** Judgements that had it, in a row. */
  judgements: number;
  told: boolean;
  over: boolean;
}

/** What is only likely must be found so often. */
const LIKELY_TWICE = 2;
/** Kept at a time; of hostile traffic there is no end of findings. */
const MOST_FINDINGS = 512;

export class LiveFindings {
  /** Told so far, by rule; a finding that comes back counts again. */
  readonly counts = new Map<string, number>();
  readonly #held = new Map<string, Held>();

  /**
   * Takes the findings of a judgement.
   * @returns those that are certain now and were not before
   */
  found(findings: readonly CaptureFinding[], timeNs: bigint): CaptureFinding[] {
    const now = new Set<string>();
    const news: CaptureFinding[] = [];
    for (const finding of findings) {
      if (finding.severity === 'note' || finding.confidence === 'possible' || finding.blocks === 'next') continue;
      const key = keyOf(finding);
      if (now.has(key)) continue;
      now.add(key);
      let held = this.#held.get(key);
      if (!held) {
        if (this.#held.size >= MOST_FINDINGS && !this.#forgetOne()) continue;
        held = { finding, sinceNs: timeNs, lastNs: timeNs, judgements: 0, told: false, over: false };
        this.#held.set(key, held);
      }
      held.finding = finding;
      held.lastNs = timeNs;
      held.judgements++;
      if (held.over) Object.assign(held, { over: false, told: false });
      if (held.told || (finding.confidence !== 'proven' && held.judgements < LIKELY_TWICE)) continue;
      held.told = true;
      this.counts.set(finding.rule, (this.counts.get(finding.rule) ?? 0) + 1);
      news.push(finding);
    }
    for (const [key, held] of this.#held) {
      if (now.has(key)) continue;
      held.judgements = 0;
      if (!held.told) this.#held.delete(key);
    }
    return news.sort((a, b) => Number(a.severity !== 'fault') - Number(b.severity !== 'fault'));
  }

  /**
   * Findings whose pair is answered again.
   * @param isHealthy whether requests of this pair have been answered since a time (Unix nanoseconds) and none was not
   */
  ended(isHealthy: (pair: Pick<Pair, 'source' | 'target'>, sinceNs: bigint) => boolean): CaptureFinding[] {
    const over: CaptureFinding[] = [];
    for (const held of this.#held.values()) {
      const { pair } = held.finding;
      if (!held.told || held.over || !pair || !isHealthy(pair, held.lastNs)) continue;
      held.over = true;
      over.push(held.finding);
    }
    return over;
  }

  /** Those that were told, the latest first. */
  all(): LiveFinding[] {
    return [...this.#held.values()]
      .filter(({ told }) => told)
      .sort(
        (a, b) =>
          Number(a.over) - Number(b.over) ||
          Number(a.finding.severity !== 'fault') - Number(b.finding.severity !== 'fault') ||
          (a.sinceNs < b.sinceNs ? 1 : -1),
      );
  }

  #forgetOne(): boolean {
    for (const [key, { over, told }] of this.#held)
      if (over || !told) {
        this.#held.delete(key);
        return true;
      }
    return false;
  }
}

function keyOf({ rule, where, pair }: CaptureFinding): string {
  return JSON.stringify([rule, placeKey(where), pair?.source, pair?.target]);
}

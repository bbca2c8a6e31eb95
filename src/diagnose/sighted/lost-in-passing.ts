/** Losses of single packets, by the gap they were lost in: others like them went on. */
import type { LostPackets, SurveySummary } from '../../survey/summary.ts';
import { placeKey } from '../../trace/frame.ts';
import type { CaptureFinding } from '../analysis.ts';
import { findingOf } from './claim.ts';
import { counted, kindText, listed, placeText } from './words.ts';

/** @param isTold pairs whose cause is known: their losses are not told again */
export function lostInPassing(
  summary: SurveySummary,
  isTold: (source: string, target: string) => boolean,
): CaptureFinding[] {
  const told = new Map<string, number>();
  for (const { source, target, last, next } of summary.lostPackets)
    if (isTold(source, target) || isTold(target, source)) {
      const key = gapKey(last, next);
      told.set(key, (told.get(key) ?? 0) + 1);
    }
  return summary.lost.flatMap((lost) => {
    const packets = lost.packets - (told.get(gapKey(lost.last, lost.next)) ?? 0);
    return packets > 0 ? [{ ...partialLoss(lost, packets, summary, isTold), unit: 'packets' as const }] : [];
  });
}

function gapKey(last: LostPackets['last'], next: LostPackets['next']): string {
  return `${placeKey(last)} ${placeKey(next)}`;
}

function partialLoss(
  lost: LostPackets,
  packets: number,
  summary: SurveySummary,
  isTold: (source: string, target: string) => boolean,
): CaptureFinding {
  const [last, next] = [placeText(lost.last), placeText(lost.next)];
  const hop = summary.hops.find(
    ({ from, to }) => placeKey(from) === placeKey(lost.last) && placeKey(to) === placeKey(lost.next),
  );
  const passed = hop?.packets ?? 0;
  const example = summary.lostPackets.find(
    (packet) =>
      gapKey(packet.last, packet.next) === gapKey(lost.last, lost.next) && !isTold(packet.source, packet.target),
  );
  const kinds = Object.entries(lost.kinds)
    .sort(([, a], [, b]) => b - a)
    .map(([kind, count]) => counted(count, kind === 'other' ? 'other packet' : kindText(kind)));
  const share = passed > 0 ? ` of ${passed + packets} (${percent(packets / (passed + packets))})` : '';
  return findingOf({
    rule: 'loss-partial',
    confidence: 'likely',
    title: `${packets === 1 ? '1 packet was' : `${packets} packets were`} lost between ${last} and ${next}${share}`,
    summary: `${packets === 1 ? 'this packet was' : 'these packets were'} sighted last at ${last}, while others like ${packets === 1 ? 'it' : 'them'} went on to ${next}. By kind: ${listed(kinds, 6)}. If the capture itself lost frames at ${next}, it is no loss of the network.`,
    where: lost.last,
    explains: packets,
    ...(example === undefined ? {} : { example: { ...example.example, timeNs: example.timeNs } }),
    evidence:
      example === undefined
        ? []
        : [
            {
              kind: 'sighting',
              text: `for example the ${kindText(example.kind)} from ${example.source} to ${example.target}, sighted last at ${last}`,
              place: lost.last,
              timeNs: example.timeNs,
            },
          ],
  });
}

function percent(share: number): string {
  return `${(share * 100).toPrecision(2)} %`;
}

/** What is odd in the traffic whoever is asked: contested addresses, forged senders, errors, repetitions. */
import { type Contest, macText } from './claims.ts';
import { Islands } from './islands.ts';
import { kindName } from './kind.ts';
import type { SurveySummary } from './summary.ts';
import type { Survey } from './survey.ts';
import type { Ends, Words } from './words.ts';

export function odditiesOf(
  survey: Survey,
  words: Words,
  wanted: (ends: Ends) => boolean,
): Pick<SurveySummary, 'contests' | 'mismatches' | 'errors' | 'repeats'> {
  const { reading } = words;
  return {
    contests: contestsOf(survey).map(({ address, changes, conflicts, claimants }) => ({
      address: words.address(address),
      changes,
      conflicts,
      claimants: claimants.map(({ mac, packets, place, frame }) => ({
        mac: macText(mac),
        packets,
        place: reading.place(place),
        example: reading.frame(frame),
      })),
    })),
    mismatches: [...survey.claims.mismatches.values()].map(({ address, claimed, ethernet, packets, place, frame }) => ({
      address: words.address(address),
      claimed: macText(claimed),
      ethernet: macText(ethernet),
      packets,
      place: reading.place(place),
      example: reading.frame(frame),
    })),
    errors: [...survey.errors.values()]
      .map((error) => words.error(error))
      .filter(wanted)
      .sort((a, b) => b.packets - a.packets),
    repeats: [...survey.repeated.values()]
      .map(({ flow, kind, group, packets, worst, circles, frame }) => ({
        kind: kindName(kind),
        ...words.endsOf(flow, kind),
        group,
        packets,
        worst,
        circles,
        example: reading.frame(frame),
      }))
      .filter(wanted)
      .sort((a, b) => b.worst - a.worst),
  };
}

/** Those between claimants on one link. */
function contestsOf(survey: Survey): Contest[] {
  const contests = [...survey.claims.contests.values()];
  if (contests.length === 0) return [];
  const islands = new Islands(survey);
  return contests.flatMap((contest) => {
    const byIsland = new Map<number, Contest['claimants']>();
    for (const claimant of contest.claimants) {
      const island = islands.of(claimant.place);
      byIsland.set(island, [...(byIsland.get(island) ?? []), claimant]);
    }
    if (byIsland.size === 1) return [contest];
    return [...byIsland.values()].flatMap((claimants) => (claimants.length > 1 ? [{ ...contest, claimants }] : []));
  });
}

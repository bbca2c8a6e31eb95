/** How a failed request is told: where it, or its reply, was sighted last, and what says that it should have gone on. */
import type { FailureGroup } from '../../survey/summary.ts';
import type { Evidence } from '../finding.ts';
import { placeText } from './words.ts';

/** What says where the packet should have come next. */
export function wayText(group: FailureGroup): string {
  const next = group.next === undefined ? '' : placeText(group.next);
  switch (group.basis) {
    case 'flow':
      return `other packets of the same two went on to ${next}`;
    case 'reverse':
      return `what comes back from there passes ${next}`;
    case 'others':
      return `nearly all other packets that come this far go on to ${next}`;
    default:
      return 'where it should have come next is not known';
  }
}

/**
 * The last sighting, and the absence behind it.
 * @param noun what the request is called
 * @param reply what its reply is called
 */
export function endEvidence(group: FailureGroup, noun: string, reply: string): Evidence[] {
  const { failure, last, next, example } = group;
  return [
    {
      kind: 'sighting',
      text: `the ${failure === 'reply-lost' ? reply : noun} was sighted last at ${placeText(last)}`,
      place: last,
      timeNs: example.timeNs,
    },
    ...(next === undefined
      ? [{ kind: 'absence' as const, text: `no ${reply} at any place that was captured` }]
      : [{ kind: 'absence' as const, text: `it was not sighted at ${placeText(next)}`, place: next }]),
  ];
}

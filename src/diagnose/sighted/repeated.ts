/** Packets that came again: broadcasts in a loop, packets that routers send in a circle, copies, and second replies. */
import type { RepeatSummary, SurveySummary } from '../../survey/summary.ts';
import type { CaptureFinding } from '../analysis.ts';
import { findingOf } from './claim.ts';
import { counted, kindText } from './words.ts';

/** Copies of one broadcast at one place that make a storm: more than a capture has that runs several interfaces together. */
const STORM = 32;
/**
 * The same packet at one place with a smaller TTL each time: once is a router on a stick, a few times is a capture that runs several
 * places together, this often is a circle.
 */
const CIRCLE = 6;

/** Those that tell of something broken. */
export function repeatedFindings(summary: SurveySummary): CaptureFinding[] {
  const { repeats } = summary;
  return [...storms(repeats), ...circles(repeats), ...duplicatedReplies(summary)];
}

function storms(repeats: readonly RepeatSummary[]): CaptureFinding[] {
  const worst = repeats.filter(
    ({ group, worst: copies, circles: falling }) => group && copies >= STORM && falling < CIRCLE,
  );
  const [first] = worst;
  if (!first) return [];
  return [
    findingOf({
      rule: 'bridge-loop',
      confidence: 'likely',
      title: `a broadcast goes round and round: one ${kindText(first.kind)} of ${first.source} was sighted ${first.worst + 1} times at one place`,
      summary: `${counted(
        worst.reduce((sum, { packets }) => sum + packets, 0),
        'broadcast',
      )} came back to where they had been, unchanged, again and again. That is a loop of bridges or switches without spanning tree: every broadcast stays in it.`,
      where: { netns: '', name: '' },
      candidates: [
        {
          rule: 'bridge-loop',
          why: 'two parallel ways between two bridges',
          look: 'bridge -d link; ip -d link show type bridge',
        },
      ],
      explains: worst.reduce((sum, { packets }) => sum + packets, 0),
      example: first.example,
    }),
  ];
}

function circles(repeats: readonly RepeatSummary[]): CaptureFinding[] {
  return repeats
    .filter(({ circles: falling }) => falling >= CIRCLE)
    .slice(0, 4)
    .map(({ source, target, circles: falling, packets, example }) =>
      findingOf({
        rule: 'ttl-expired',
        confidence: 'likely',
        title: `routers send what is for ${target} in a circle: one packet came by ${falling + 1} times, with a smaller TTL each time`,
        summary: `a packet of ${source} to ${target} came back to a place where it had been, with a smaller TTL each time, until none is left. Two routers each believe that the other one is the way.`,
        where: { netns: '', name: '' },
        candidates: [
          {
            rule: 'ttl-expired',
            why: 'the route for the target is wrong on one of the routers',
            look: `ip route get ${target}`,
          },
        ],
        explains: packets,
        example,
      }),
    );
}

function duplicatedReplies({ pairs }: SurveySummary): CaptureFinding[] {
  const echoes = pairs.filter(({ kind, furtherReplies }) => kind === 'echo' && furtherReplies > 0);
  const [first] = echoes;
  if (!first) return [];
  const replies = echoes.reduce((sum, { furtherReplies }) => sum + furtherReplies, 0);
  return [
    findingOf({
      rule: 'reply-duplicated',
      severity: 'warning',
      confidence: 'likely',
      title: `${counted(replies, 'echo reply')} more than there were requests, ${echoes.length === 1 ? `from ${first.target} to ${first.source}` : `in ${echoes.length} pairs`}`,
      summary: `one request was answered more than once. Either two hosts own the address, or the packets take two ways at a time.`,
      where: first.begins ?? { netns: '', name: '' },
      explains: replies,
      pair: first,
    }),
  ];
}

/** What is left: a capture that saw packets twice. */
export function copies(repeats: readonly RepeatSummary[]): CaptureFinding[] {
  const odd = repeats.filter(({ group, worst, circles: falling }) => falling < CIRCLE && !(group && worst >= STORM));
  const packets = odd.reduce((sum, each) => sum + each.packets, 0);
  const [first] = odd;
  if (!first) return [];
  return [
    findingOf({
      rule: 'packet-repeated',
      severity: 'note',
      confidence: 'proven',
      title: `${counted(packets, 'packet')} sighted twice at one place`,
      summary:
        'the same bytes twice within milliseconds: a mirror port, a capture on two layers of one device, or a second way.',
      where: { netns: '', name: '' },
      explains: packets,
      example: first.example,
    }),
  ];
}

/** Who asks is answered, and asks again: the replies come back to where it asks from, and not to its stack. */
import type { FailureGroup, PairSummary } from '../../survey/summary.ts';
import { type Place, placeKey } from '../../trace/frame.ts';
import type { CaptureFinding } from '../analysis.ts';
import type { Case } from './case.ts';
import { findingOf } from './claim.ts';
import { counted, NOUNS, placeText, REPLIES } from './words.ts';

/** The replies pass the interface it asks from and end on another one. */
export function passesAsker(
  pair: PairSummary,
  failed: Case | undefined,
  pairs: readonly PairSummary[],
): CaptureFinding | undefined {
  const { begins, passesTo, source, target } = pair;
  if (pair.kind === 'echo' || !passesTo) return undefined;
  // Who asks from there has its stack there: then the first question was missed, nothing else.
  const upperKey = placeKey(passesTo);
  if (pairs.some((each) => each.source === source && each.begins && placeKey(each.begins) === upperKey))
    return undefined;
  const upper = placeText(passesTo);
  if (!begins) return passesUnseen(pair, passesTo, failed);
  const asker = placeText(begins);
  return findingOf({
    rule: 'bridge-port-owns-ip',
    confidence: pair.requests > 1 ? 'likely' : 'possible',
    title: `${asker} seems to be a port of ${upper}: what comes back to ${source} goes up to ${upper}, never to the stack behind ${asker}`,
    summary: `${source} asks for ${target} out of ${asker}, and ${counted(pair.answered, REPLIES[pair.kind])} came back in by it. Each went on to ${upper}, where no request had come from${pair.requests > 1 ? `, and ${source} asked again` : ''}. So ${upper} takes what ${asker} receives, as a bridge does with its ports, while the address is still on ${asker}. Inferred from the traffic: \`ip -br addr show dev ${begins.name}\` and \`bridge link\` confirm it. The cure is to move the address from ${asker} to ${upper}.`,
    where: begins,
    evidence: [
      {
        kind: 'sighting',
        text: `${counted(pair.requests, NOUNS[pair.kind])} of ${source} out of ${asker}, none on ${upper}`,
      },
      { kind: 'sighting', text: `the replies on ${asker} and then on ${upper}` },
    ],
    candidates: [
      {
        rule: 'bridge-port-owns-ip',
        why: `${source} is set on ${asker}, and ${asker} is a port of ${upper}`,
        look: `ip -br addr show dev ${begins.name}; bridge link show dev ${begins.name}`,
      },
    ],
    explains: pair.requests,
    pair,
    failed,
    ...exampleOf(failed),
  });
}

/** The same, told by captures that were made one after the other: where the asker is they leave open. */
function passesUnseen(pair: PairSummary, passesTo: Place, failed: Case | undefined): CaptureFinding {
  const { source, target } = pair;
  const upper = placeText(passesTo);
  return findingOf({
    rule: 'bridge-port-owns-ip',
    confidence: 'likely',
    title: `${upper} gets what comes back to ${source}, which never asks from there: a port of ${upper} seems to hold ${source}`,
    summary: `the ${NOUNS[pair.kind]}s of ${source} for ${target} were captured elsewhere, never on ${upper}; the replies were captured on ${upper} as well. So ${upper} takes what the interface with ${source} receives, as a bridge does with its ports, and the stack behind that interface gets nothing. Inferred from captures that were made one after the other. The cure is to move the address to ${upper}.`,
    where: passesTo,
    evidence: [{ kind: 'sighting', text: `replies to ${source} on ${upper}, and no request of it` }],
    candidates: [
      {
        rule: 'bridge-port-owns-ip',
        why: `${source} is set on a port of ${upper}`,
        look: `ip -br addr; bridge link`,
      },
    ],
    explains: pair.requests,
    pair,
    failed,
    ...exampleOf(failed),
  });
}

/** The replies come back to where the asker is, and it asks again all the same. */
export function unheeded(
  pair: PairSummary,
  failed: Case | undefined,
  pairs: readonly PairSummary[],
): CaptureFinding | undefined {
  const { begins, source, target } = pair;
  if (pair.unheeded < 2 || !begins) return undefined;
  // Who sends it packets has heard where it is.
  if (pairs.some((each) => each.kind === 'echo' && each.source === source && each.target === target)) return undefined;
  const asker = placeText(begins);
  return findingOf({
    rule: 'reply-lost',
    // arping does so, too.
    severity: 'note',
    confidence: 'possible',
    title: `${source} keeps asking for ${target}, although the replies come back to ${asker}`,
    summary: `${counted(pair.answered, REPLIES[pair.kind])} came back to ${asker}, where ${source} asks from, and ${source} asked again a second later each time. Either that is arping, or the replies do not come to its stack; nothing in the capture shows what takes them.`,
    where: begins,
    candidates: [
      {
        rule: 'bridge-port-owns-ip',
        why: `${asker} is a port of a bridge, and the bridge takes what it receives`,
        look: `bridge link show dev ${begins.name}`,
      },
      { rule: 'arp-filtered', why: 'a filter of family arp drops the replies', look: 'nft list ruleset' },
      {
        rule: 'neighbor-wrong-mac',
        why: 'the replies are addressed to another hardware address than its own',
        look: `ip link show dev ${begins.name}`,
      },
    ],
    explains: pair.requests,
    pair,
    failed,
    ...exampleOf(failed),
  });
}

function exampleOf(failed: Case | undefined): { example?: FailureGroup['example'] } {
  return failed?.group === undefined ? {} : { example: failed.group.example };
}

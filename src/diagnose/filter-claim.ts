/** What the rules for packet filters say: which rule it is, in which chain, what it did to the packet, and how to let it pass. */
import type { FilterGate } from '../path/gate.ts';
import { stopperListing } from '../path/ip-filter.ts';
import { endsText } from '../path/nat-facts.ts';
import { type Stopper, stopperText } from '../path/ruleset.ts';
import { commandIn, inNetns, placeName } from '../topology/naming.ts';
import { isAnswered } from '../trace/exchange.ts';
import { packetName } from './evidence.ts';
import type { FilterCulprit } from './filter-culprit.ts';
import { filterRemedies } from './filter-remedy.ts';
import type { Evidence } from './finding.ts';
import type { Claim, Context } from './rule.ts';

export function filterClaim(context: Context, culprit: FilterCulprit): Claim {
  const { topology } = context;
  const { gate, stopper, because, counted, confidence } = culprit;
  const { netns } = gate.place;
  const verb = stopper?.rejects === undefined ? 'drops' : 'rejects';
  const packet = packetName(gate.packet);
  const who = stopper ? stopperText(stopper) : `a rule at ${gate.hook}`;
  const wording = stopper?.text ? `: ${stopper.text}` : '';
  return {
    title: `${who} ${verb} the ${packet} ${whereText(context, gate)}${wording}`,
    summary: [
      `the ${packet} ${endsText(gate)} ${placeText(context, gate)}${inNetns(topology, netns)}, and there ${who} ${verb} it${answerText(stopper)}.`,
      ...reasons(context, culprit),
      ...(stopper?.unheard
        ? ['It gives the packet to a queue that no program listens to, and such a packet is dropped.']
        : []),
      ...connectionText(gate),
      ...dockerText(stopper),
    ].join(' '),
    where: gate.place,
    ...(confidence === undefined ? {} : { confidence }),
    ...(stopper ? filterRemedies(context, gate, stopper) : {}),
    evidence: [
      ...(because === 'certain' ? [] : undecided(gate)),
      ...(stopper && counted ? counterEvidence(context, gate, stopper, counted) : []),
    ],
  };
}

/** "that comes in by eth0", "from eth0 to br0", "that should leave by eth0". */
function whereText({ topology }: Context, { from, to }: FilterGate): string {
  if (from && to) return `from ${placeName(topology, from)} to ${placeName(topology, to)}`;
  if (from) return `that comes in by ${placeName(topology, from)}`;
  return to ? `that should leave by ${placeName(topology, to)}` : 'there';
}

function placeText({ topology }: Context, { hook, from, to }: FilterGate): string {
  if (from && to) return `comes in by ${placeName(topology, from)} and is to leave by ${placeName(topology, to)}`;
  if (from) return `comes in by ${placeName(topology, from)} and meets the rules at ${hook}`;
  return to ? `is to leave by ${placeName(topology, to)} and meets the rules at ${hook}` : `meets the rules at ${hook}`;
}

function answerText(stopper: Stopper | undefined): string {
  return stopper?.rejects === undefined ? '' : ` with the error ${stopper.rejects}`;
}

/** Why a rule is named that the model does not decide. */
function reasons(context: Context, { because, counted, stopper, gate }: FilterCulprit): string[] {
  switch (because) {
    case 'certain':
      return gate.traced ? ['The kernel itself says so, which traced the probe through its rules.'] : [];
    case 'counter':
      return [
        `Not everything it asks for can be decided from here, but its counter moved by ${(counted?.after ?? 0) - (counted?.before ?? 0)} while ${lostText(context)}; others' packets could have moved it as well.`,
      ];
    case 'drop':
      return ['The kernel says that a packet filter dropped it, and only there are rules that may have.'];
    case 'refused':
      return ['The kernel refused to send it (EPERM), as it does when a rule of its own drops what it sends.'];
    case 'alone':
      return [
        `Not everything it asks for can be decided from here, but nothing else can have taken the packet${stopper ? '' : ' there'}.`,
      ];
    default:
      return because satisfies never;
  }
}

function lostText({ exchanges }: Context): string {
  const lost = exchanges.filter((exchange) => exchange.kind === 'echo' && !isAnswered(exchange)).length;
  return lost === 1 ? 'one probe was lost' : `${lost} probes were lost`;
}

/** What conntrack makes of it, where that is the point. */
function connectionText({ state, packet, stopper }: FilterGate): string[] {
  const asks = /\b(ctstate|ct state|--state)\b/.test(stopper?.text ?? '');
  if (state === 'invalid' && packet === 'echo-reply')
    return [
      'conntrack there has not seen the request, which went another way: to it the reply belongs to no connection (state invalid).',
    ];
  return asks && state ? [`conntrack calls it ${state}.`] : [];
}

/** Docker's rules between its networks are meant: who reads of them should not have to know the chain (docs.docker.com, packet filtering). */
function dockerText(stopper: Stopper | undefined): string[] {
  if (!/^DOCKER-(ISOLATION-STAGE-\d|INTERNAL)$/.test(stopper?.chain ?? '')) return [];
  return [
    'With this chain Docker keeps its networks apart, and internal ones from everything else: containers that are to talk belong on one network (docker network connect NETWORK CONTAINER).',
  ];
}

function undecided({ facts, place }: FilterGate): Evidence[] {
  return facts.map(({ text, look }) => ({
    kind: 'state',
    text: `not decided: ${text}`,
    place,
    ...(look === undefined ? {} : { look }),
  }));
}

function counterEvidence(
  { topology }: Context,
  { place }: FilterGate,
  stopper: Stopper,
  { before, after }: { readonly before: number; readonly after: number },
): Evidence[] {
  if (after <= before) return [];
  return [
    {
      kind: 'state',
      text: `confirmed by its counter: ${before} packets before the probe, ${after} after it`,
      place,
      look: commandIn(topology, place.netns, stopperListing(stopper)),
    },
  ];
}

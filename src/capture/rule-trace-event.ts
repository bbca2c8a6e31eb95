/** NFT_MSG_TRACE: what a rule or a policy did to a traced packet (include/uapi/linux/netfilter/nf_tables.h, nft_trace_notify). */
import { decodeAttributes, type NetlinkMessage, numberIn, textIn } from '../linux/netlink-message.ts';
import type { RuleEvent, TracedFamily, TracedVerdict } from '../trace/rule-trace.ts';

/** enum nft_trace_attributes */
const TRACE = {
  table: 1,
  chain: 2,
  handle: 3,
  type: 4,
  verdict: 5,
  id: 6,
  network: 8,
  transport: 9,
  input: 10,
  output: 12,
  protocol: 15,
  policy: 16,
};
/** enum nft_verdict_attributes */
const VERDICT_CODE = 1;
const VERDICT_CHAIN = 2;
/** enum nft_trace_types */
const KINDS: Readonly<Record<number, RuleEvent['kind']>> = { 1: 'policy', 2: 'return', 3: 'rule' };
/** include/uapi/linux/netfilter.h, enum NFPROTO_* */
const FAMILIES: Readonly<Record<number, TracedFamily>> = {
  1: 'inet',
  2: 'ip',
  3: 'arp',
  5: 'netdev',
  7: 'bridge',
  10: 'ip6',
};
/** The upper half of a verdict says more of it: a queue's number, or an errno. */
const VERDICT_MASK = 0xff;
const VERDICTS: readonly TracedVerdict[] = ['drop', 'accept', 'stolen', 'queue', 'repeat'];
/** enum nft_verdicts: negative numbers. */
const INNER_VERDICTS: Readonly<Record<number, TracedVerdict>> = {
  [-1]: 'continue',
  [-2]: 'continue',
  [-3]: 'jump',
  [-4]: 'goto',
  [-5]: 'return',
};
const PROTOCOLS: Readonly<Record<number, 'icmp' | 'icmpv6'>> = { 1: 'icmp', 58: 'icmpv6' };
const nfgenBytes = 4;

/** The event; undefined where the message is none, or has a form this version does not know. */
export function decodeRuleEvent({ payload }: NetlinkMessage): RuleEvent | undefined {
  const family = FAMILIES[payload[0] ?? 0];
  const attributes = decodeAttributes(payload.subarray(nfgenBytes));
  const told = KINDS[numberIn(attributes.get(TRACE.type)) ?? 0];
  const handle = told === 'rule' ? numberIn(attributes.get(TRACE.handle)) : undefined;
  // The end of a chain is told as a rule without a number that lets the packet go on.
  const kind = told === 'rule' && handle === undefined ? 'return' : told;
  const id = numberIn(attributes.get(TRACE.id));
  if (!family || !kind || id === undefined) return undefined;
  const inner = decodeAttributes(attributes.get(TRACE.verdict) ?? new Uint8Array(0));
  const policy = numberIn(attributes.get(TRACE.policy));
  const code = kind === 'policy' ? policy : numberIn(inner.get(VERDICT_CODE));
  const verdict = kind === 'return' ? 'return' : code === undefined ? undefined : verdictOf(code);
  if (!verdict) return undefined;
  const transport = attributes.get(TRACE.transport);
  const protocol = transport && protocolOf(attributes.get(TRACE.network));
  const target = inner.get(VERDICT_CHAIN);
  const input = numberIn(attributes.get(TRACE.input));
  const output = numberIn(attributes.get(TRACE.output));
  return {
    id,
    family,
    table: textIn(attributes.get(TRACE.table)),
    chain: textIn(attributes.get(TRACE.chain)),
    kind,
    ...(handle === undefined ? {} : { handle }),
    verdict,
    ...(target === undefined ? {} : { target: textIn(target) }),
    ...(transport && protocol ? { transport: Uint8Array.from(transport), protocol } : {}),
    ...(input === undefined ? {} : { input }),
    ...(output === undefined ? {} : { output }),
  };
}

function verdictOf(code: number): TracedVerdict | undefined {
  const signed = code | 0;
  return signed < 0 ? INNER_VERDICTS[signed] : VERDICTS[signed & VERDICT_MASK];
}

/** RFC 791 and RFC 8200: the protocol of the IP header; behind extension headers it is not looked for. */
function protocolOf(network: Uint8Array | undefined): 'icmp' | 'icmpv6' | undefined {
  const version = (network?.[0] ?? 0) >> 4;
  const protocol = version === 4 ? network?.[9] : version === 6 ? network?.[6] : undefined;
  return protocol === undefined ? undefined : PROTOCOLS[protocol];
}

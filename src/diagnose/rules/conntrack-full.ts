import { CONNTRACK_LIMIT, conntrackHome } from '../../path/conntrack.ts';
import { placeName } from '../../topology/naming.ts';
import type { Evidence } from '../finding.ts';
import type { Context, Cure, Rule } from '../rule.ts';
import { culprit } from '../suspect.ts';

/** Room for this many times what is there now: what filled it is seldom at its end. */
const GROWTH = 2;

export const conntrackFull: Rule = {
  id: 'conntrack-full',
  severity: 'fault',
  title: 'the table of connections is full: whatever is new is dropped',
  explain: {
    what: `Rules that ask for the state of a connection, and all NAT, make the kernel follow every connection in a table. Each
namespace has its own, and one limit counts for all of them: net.netfilter.nf_conntrack_max. When it is reached, the
first packet of anything new is dropped, unless a connection that nobody answered can be thrown out for it. What is in
the table works on: old logins live, new ones hang, and a ping is new each time.`,
    wire: `The request comes in by the interface of the machine whose table is full, and is neither passed on nor answered. Where
the sender's own table is full, nothing is seen at all: sendto fails with "Operation not permitted".`,
    confirm: `  sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max      in the namespace that drops
  dmesg | grep 'table full'                       nf_conntrack: table full, dropping packet
  conntrack -S                                    early_drop and drop grow
  vdiag drops --for 10                            NETFILTER_DROP in nf_hook_slow`,
    cure: `  sysctl -w net.netfilter.nf_conntrack_max=N
on the machine itself: a container cannot write it. An entry costs about 320 bytes. Raise
/sys/module/nf_conntrack/parameters/hashsize to a quarter of it as well, and write both down in /etc/sysctl.d/.
  conntrack -F
empties the table of one namespace, and breaks what is translated. Then look for what fills it: conntrack -L shows
thousands of entries of one kind.`,
    otherwise: `Near the limit is not at it: then a rule drops (filter-prerouting-drop, filter-forward-drop). This rule is shown on a
built recording: only the initial namespace can write the limit, and a lab may not touch that.`,
  },
  evaluate(context) {
    const { topology, drop } = context;
    const suspect = culprit(context, 'conntrack');
    // A rule that drops says so from a function of its own.
    if (!suspect || (drop && drop.function !== 'nf_hook_slow')) return undefined;
    const { gate, certain } = suspect;
    const name = placeName(topology, gate.place);
    return {
      title: `the connection table is full where ${name} is (${gate.count} of ${gate.limit}): nothing new gets through`,
      summary: `conntrack follows ${gate.count} connections there and has room for ${gate.limit}. The request opens a new one, for which there is no room: it is dropped at ${name}. The limit, net.${CONNTRACK_LIMIT}, is one for all namespaces of the machine, and is written in the initial one.`,
      where: gate.place,
      confidence: certain ? 'proven' : 'likely',
      evidence: gate.facts.map((fact): Evidence => ({ kind: 'state', place: gate.place, ...fact })),
      ...cureFor(context, gate.count),
    };
  },
};

/** In the namespace that has the setting, where it was read. */
function cureFor({ topology }: Context, count: number): { readonly cure?: Cure } {
  const home = conntrackHome(topology);
  const limit = home?.sysctls[CONNTRACK_LIMIT];
  if (!home || limit === undefined) return {};
  const value = 2 ** Math.ceil(Math.log2(GROWTH * Math.max(limit, count)));
  return {
    cure: {
      why: `make room for ${value} connections`,
      changes: [{ kind: 'namespace-sysctl', netns: home.id, setting: CONNTRACK_LIMIT, value }],
    },
  };
}

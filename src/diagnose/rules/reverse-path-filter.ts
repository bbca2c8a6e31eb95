import { routeText } from '../../path/fib.ts';
import type { SourceGate } from '../../path/gate.ts';
import { placeName } from '../../topology/naming.ts';
import { relaxations } from '../relax.ts';
import type { Claim, Context, Rule } from '../rule.ts';
import { routeBack } from '../way-back.ts';

export const reversePathFilter: Rule = {
  id: 'reverse-path-filter',
  severity: 'fault',
  title: 'strict source validation rejects the packet: the way back to its source goes by another interface',
  explain: {
    what: `With rp_filter=1 an interface only takes packets whose source it would itself answer by that same interface.
The effective value is the greater one of net.ipv4.conf.all.rp_filter and the interface's own: all=1 makes a 0 on the
interface meaningless. The same test decides, silently, whether an ARP request is answered.
What enters a bridge port is validated with the settings of the bridge, not of the port.`,
    wire: `The packet is seen coming in by the interface, and nothing after: it is neither answered nor forwarded.
For IP the kernel counts IPReversePathFilter (nstat -az TcpExtIPReversePathFilter); for ARP there is no counter at all.`,
    confirm: `  sysctl net.ipv4.conf.all.rp_filter net.ipv4.conf.DEV.rp_filter
  ip route get SOURCE         names another interface than DEV`,
    cure: `Loose mode asks only that some way back exists, and it wins over all=1:
  sysctl -w net.ipv4.conf.DEV.rp_filter=2
If the way back is wrong rather than merely different, set the right route instead. Strict mode guards against forged
sources: loosen it on the one interface that needs it.`,
    otherwise: `If there is no way back at all, it is route-return-missing. If the source is an address of the receiving namespace
itself, it is source-is-local.`,
  },
  evaluate(context) {
    const { situation, topology } = context;
    if (situation.kind !== 'stopped' || situation.gate.kind !== 'source') return undefined;
    const { gate } = situation;
    const { reason, back, rpFilter } = gate.result;
    if (reason !== 'reverse-path' && reason !== 'invalid-source') return undefined;
    const at = placeName(topology, gate.place);
    const way = back ? routeText(back) : 'missing';
    const packet = gate.protocol === 'arp' ? 'the ARP request' : 'the packet';
    return {
      title: `rp_filter=${rpFilter} at ${at} rejects packets from ${gate.source}: the way back is ${way}`,
      summary: `${packet} from ${gate.source} comes in by ${at}, but the namespace would answer it by ${back?.device ?? 'another interface'} (${way}). Strict source validation takes that for a forged source and drops it${
        gate.protocol === 'arp' ? ' without any trace' : ''
      }.`,
      where: gate.place,
      ...cureOf(context, gate, at),
    };
  },
};

/** Loose; or, where the reply then goes by a way on which it is lost, the route that leads back where the packet came from. */
function cureOf(context: Context, { place, source }: SourceGate, at: string): Pick<Claim, 'cure'> {
  const loose = relaxations(context, place, `let ${at} accept sources whose way back is another interface`, []);
  const route = loose.cure && routeBack(context, place, source);
  if (!loose.cure || !route) return loose;
  const better = context.best([loose.cure.changes, route.changes]);
  return better === route.changes ? { cure: route } : loose;
}

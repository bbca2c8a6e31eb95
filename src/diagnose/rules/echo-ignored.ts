import { familyOf } from '../../topology/address.ts';
import { inNetns, netnsName, placeName } from '../../topology/naming.ts';
import type { Rule } from '../rule.ts';

export const echoIgnored: Rule = {
  id: 'echo-ignored',
  severity: 'fault',
  title: 'the target is told to ignore echo requests',
  explain: {
    what: `net.ipv4.icmp_echo_ignore_all=1, or net.ipv6.icmp.echo_ignore_all=1 for IPv6, makes a namespace ignore every
echo request. Nothing else is wrong: TCP and UDP would pass.`,
    wire: `The echo request is seen coming in at the target, ARP works, and no reply ever leaves it.`,
    confirm: `  sysctl net.ipv4.icmp_echo_ignore_all        at the target
  sysctl net.ipv6.icmp.echo_ignore_all`,
    cure: `  sysctl -w net.ipv4.icmp_echo_ignore_all=0
Somebody may have set it on purpose: then test with TCP instead.`,
    otherwise: `If the setting is 0, look for a filter rule at the target's INPUT: filter-input-drop.`,
  },
  evaluate({ situation, topology, query }) {
    if (situation.kind !== 'stopped' || situation.gate.kind !== 'echo') return undefined;
    const { place } = situation.gate;
    const setting = familyOf(query.destination) === 6 ? 'ipv6.icmp.echo_ignore_all' : 'ipv4.icmp_echo_ignore_all';
    return {
      title: `${place.netns === topology.home ? 'this namespace' : netnsName(topology, place.netns)} ignores all echo requests (${setting.replace(/^ipv4\./, '')}=1)`,
      summary: `the echo request arrives at ${placeName(topology, place)}, and net.${setting} is 1${inNetns(topology, place.netns)}: the target stays silent by its own setting. Other traffic is not affected.`,
      where: place,
      cure: {
        why: 'let it answer',
        changes: [{ kind: 'namespace-sysctl', netns: place.netns, setting, value: 0 }],
      },
    };
  },
};

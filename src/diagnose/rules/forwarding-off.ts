import { familyOf } from '../../topology/address.ts';
import type { Change } from '../../topology/change.ts';
import { netnsName, placeName } from '../../topology/naming.ts';
import type { Rule } from '../rule.ts';

export const forwardingOff: Rule = {
  id: 'forwarding-off',
  severity: 'fault',
  title: 'the machine that should pass the packet on does not forward',
  explain: {
    what: `A packet for somebody else is only passed on where forwarding is on for the interface it came in by.
net.ipv4.ip_forward sets all interfaces at once; each can be switched off again by itself
(net.ipv4.conf.DEV.forwarding). A reply needs it too, on the interface it comes back by.
For IPv6 net.ipv6.conf.all.forwarding alone decides; an interface's own makes it a router or a host, no more.`,
    wire: `The echo request is seen coming in at the router (on the bridge, for containers) and leaves by no interface. No ICMP
error comes back. With one interface switched off, the request passes and the reply stops in the same way.`,
    confirm: `  sysctl net.ipv4.ip_forward net.ipv4.conf.DEV.forwarding net.ipv6.conf.all.forwarding
  nstat -az IpInAddrErrors    counts each of them`,
    cure: `  sysctl -w net.ipv4.ip_forward=1            or net.ipv6.conf.all.forwarding=1
and in /etc/sysctl.d to keep it. A machine that forwards is a router: mind its FORWARD rules.`,
    otherwise: `If the router answers with an ICMP error, or the packet leaves it, it is not this.`,
  },
  evaluate({ situation, topology }) {
    if (situation.kind !== 'stopped' || situation.gate.kind !== 'forwarding') return undefined;
    const { gate, leg } = situation;
    const at = placeName(topology, gate.place);
    const who = gate.place.netns === topology.home ? 'this machine' : netnsName(topology, gate.place.netns);
    const whole = gate.ipForward !== 1;
    const setting = familyOf(gate.destination) === 6 ? 'ipv6.conf.all.forwarding' : 'ipv4.ip_forward';
    const change: Change = whole
      ? { kind: 'namespace-sysctl', netns: gate.place.netns, setting, value: 1 }
      : { kind: 'interface-sysctl', at: gate.place, setting: 'forwarding', value: 1 };
    const packet = leg.kind === 'echo-reply' ? 'echo reply' : 'echo request';
    return {
      title: whole
        ? `${who} does not forward: the ${packet} to ${gate.destination} stops at ${at}`
        : `forwarding is off on ${at}: the ${packet} to ${gate.destination} stops there`,
      summary: `the ${packet} comes in by ${at} and should be passed on to ${gate.destination}, but ${
        whole
          ? `net.${setting} is 0${gate.place.netns === topology.home ? '' : ` in ${who}`}`
          : `net.ipv4.conf.${gate.place.name}.forwarding is 0`
      }. The kernel drops it and sends no error.`,
      where: gate.place,
      cure: { why: `let ${whole ? who : at} pass packets on`, changes: [change] },
    };
  },
};

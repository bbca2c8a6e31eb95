/** What there is to say about the rules that only captures tell of: those that no model of the machine names, or not yet. */
import type { Rule } from '../rule.ts';

export const SIGHTED_PAGES: readonly Pick<Rule, 'id' | 'severity' | 'title' | 'explain'>[] = [
  {
    id: 'arp-sender-mismatch',
    severity: 'note',
    title: 'an ARP message names another hardware address than the frame comes from',
    explain: {
      what: `The sender hardware address inside ARP and the Ethernet source are two fields, and mostly equal. Load
balancers, redundant routers, bonding, macvlan and proxies let them differ on purpose. Whoever wants to
take over an address does so as well.`,
      wire: `An ARP request or reply whose Ethernet source is not the sender hardware address it carries.`,
      confirm: `  arp.src.hw_mac != eth.src       as a display filter of Wireshark: all of them
  bridge fdb show                 which port the Ethernet source is at`,
      cure: 'None, if you know the device. Otherwise find the port and whoever is behind it.',
      otherwise: 'A wireless repeater or a Wi-Fi bridge that translates addresses does so for every host behind it.',
    },
  },
  {
    id: 'checksum-wrong',
    severity: 'warning',
    title: 'a packet is damaged: its checksum does not agree with its bytes',
    explain: {
      what: `ICMP and IP header checksums are finished by the kernel before a capture sees the frame, unlike TCP's and
UDP's. So a wrong one is damage: a driver or card that computes it wrongly, a tunnel that changes bytes, a
program that writes packets of its own, memory.`,
      wire: `The packet arrives, is the same in all but a few bytes, and whoever it is for drops it without a word.`,
      confirm: `  nstat -az IcmpInCsumErrors IpInHdrErrors     at the receiver: grow
  ethtool -K DEV rx off tx off                 if it is gone then, the offload of that device is to blame
and compare the bytes at the place before: where do they change?`,
      cure: `Leave the offload of that device off, or update its driver; replace the program or the device that
damages.`,
      otherwise: `A frame cut off by the capture's snap length has no checksum to judge: vdiag does not. Wrong TCP and UDP
checksums on frames that this machine sends are offload, no damage.`,
    },
  },
  {
    id: 'packet-repeated',
    severity: 'note',
    title: 'the same packet was sighted more than once at one place',
    explain: {
      what: `Mostly it is the capture: a mirror port that copies what comes in and what goes out, two captures put
together, a device that hands a frame over twice. Otherwise a second way through the network brings the
packet again.`,
      wire: `Equal bytes at one place within milliseconds, in the same direction.`,
      confirm: `  editcap -d IN OUT               removes duplicates: how many were there?
and look at whether the hosts answer twice, too: then it is the network, and not the capture.`,
      cure: 'For the capture: mirror one direction only. For the network: take one of the two ways away.',
      otherwise: `Retransmissions are no repetitions: TCP's come later and with another IP identification, pings have a new
number.`,
    },
  },
];

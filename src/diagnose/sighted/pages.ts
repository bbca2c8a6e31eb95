/** What there is to say about the rules that only captures tell of: those that no model of the machine names, or not yet. */
import type { Rule } from '../rule.ts';

export const SIGHTED_PAGES: readonly Pick<Rule, 'id' | 'severity' | 'title' | 'explain'>[] = [
  {
    id: 'loss-partial',
    severity: 'fault',
    title: 'some packets were lost on the way, while others like them arrived',
    explain: {
      what: `Most packets pass, some do not. That is no wrong setting, which would stop all of them: it is a queue that
overflows, a link with errors, a way that comes and goes, a table that is full at times, or two owners of
one address.`,
      wire: `Packets end at one place, although nearly all others that come that far go on to the next; or a few
requests have no reply, and their neighbours in time have one.`,
      confirm: `  tc -s qdisc show dev DEV; ip -s -s link show dev DEV      drops and errors that grow
  ethtool -S DEV                                            what the driver and the card count
  vdiag drops --for 30                                      what the kernel drops meanwhile, and why
and look at when they were lost: all at one moment is an interruption, evenly spread is a queue or an error rate.`,
      cure: `Follows from the counter that grows. A longer queue only delays the loss if more comes in than goes out.`,
      otherwise: `A capture that lost frames itself looks the same: "packets dropped by kernel" in tcpdump's last lines, and
vdiag names what the file says about it. The first ping to a host that has to ask ARP itself is sometimes
lost; once is no fault.`,
    },
  },
  {
    id: 'reply-duplicated',
    severity: 'warning',
    title: 'one request was answered more than once',
    explain: {
      what: `Two hosts own the address and both answer, or the packets go two ways at a time (two bridges with two
links between them, a bond whose ends do not agree, a mirrored port that sends back), or the asker sent to
a broadcast address.`,
      wire: `Two echo replies with one identifier and sequence number, often from different hardware addresses. ping
marks the second with DUP!.`,
      confirm: `  arping -c 3 -I DEV ADDRESS      answers from two hardware addresses: two owners
  ip neigh show ADDRESS           changes between them
and compare the Ethernet sources of the two replies, and whether the request was duplicated already.`,
      cure: `Two owners: take the address from one of them. Two ways: take one away, or let spanning tree do it.`,
      otherwise:
        'A capture on two layers of one device, or in both directions of a mirror port, shows every frame twice.',
    },
  },
  {
    id: 'icmp-unreachable',
    severity: 'fault',
    title: 'an ICMP error says that the packet could not be delivered',
    explain: {
      what: `A router or the target gave up and says so. Network unreachable: that router has no route. Host
unreachable: it has one, and nobody answered its ARP. Port unreachable: the packet did arrive, and nobody
listens there. Any of them can also come from a rule that rejects with this code, or from an unreachable
route.`,
      wire: `The request ends where the error begins; the error goes back to the sender and quotes the packet it is
about.`,
      confirm: `  ip route get ADDRESS            on the machine that sent the error
  ip neigh show ADDRESS           FAILED there: nobody answers its ARP
  nft list ruleset                rules that reject`,
      cure: `At the machine that sends the error: the missing route, or what keeps the target from answering it.`,
      otherwise:
        'Traceroute and path MTU discovery provoke errors on purpose; DNS clients that gave up send port unreachable.',
    },
  },
  {
    id: 'filter-rejected',
    severity: 'fault',
    title: 'a filter rejects the packet and says so in an ICMP error',
    explain: {
      what: `A rule with "reject" stops the packet and sends an error, mostly "administratively prohibited". firewalld
and many appliances do so by default. A route of type prohibit sends the same code.`,
      wire: `The request ends at the machine that filters; the error comes back from it, at once and for every request.`,
      confirm: `  nft list ruleset | grep -B3 reject         on the machine that sent the error
  iptables-save -c | grep REJECT             counters that grow
  ip route get ADDRESS                       "prohibited": a route, no rule`,
      cure: `Accept what is wanted before the rule that rejects, as narrowly as it can be said.`,
      otherwise: 'If the error comes from an address that is not on your machines, somebody else filters: ask them.',
    },
  },
  {
    id: 'fragmentation-needed',
    severity: 'fault',
    title: 'the packet is too big for a link on the way, and the sender was told',
    explain: {
      what: `A router had to pass on a packet that is bigger than the next link takes and must not be cut (DF, or
IPv6). It dropped the packet and told the sender how much fits. TCP sends smaller segments from then on;
ping -M do does not.`,
      wire: `ICMP "fragmentation needed" or ICMPv6 "packet too big" with the next link's MTU comes back. Small packets
pass.`,
      confirm: `  ip route get ADDRESS            shows the path MTU the sender has learnt
  tracepath ADDRESS               finds the narrow place
  ip link show                    MTUs along the way: tunnels take 20 to 50 bytes off`,
      cure: `Where everything crosses the narrow link, give the containers' interfaces its MTU:
  ip link set DEV mtu N
In Docker: the network's option com.docker.network.driver.mtu.`,
      otherwise: `If big packets vanish and no error comes back, a filter eats the error: accept ICMP type 3 code 4, or
clamp the MSS.`,
    },
  },
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
  {
    id: 'filter-input-drop',
    severity: 'fault',
    title: 'a filter of the receiver drops the packet',
    explain: {
      what: `The packet arrives at the target, and the target's own INPUT chain drops it before anything there sees it.`,
      wire: `The request is sighted on the target's interface; no reply, no error. ARP is answered: filters for IP do
not see it.`,
      confirm: `  nft list ruleset; iptables-save -c      in the target's namespace: counters that grow with each ping
  vdiag drops --for 10                    names the hook while it happens`,
      cure: `Accept before the rule that drops, or delete that rule by its handle:
  nft -a list chain TABLE CHAIN; nft delete rule TABLE CHAIN handle N`,
      otherwise: `If other hosts are answered, the rule depends on the source, or the target has no way back to this one
(route-return-missing, reverse-path-filter).`,
    },
  },
  {
    id: 'filter-forward-drop',
    severity: 'fault',
    title: 'a filter of a router drops what it should pass on',
    explain: {
      what: `The FORWARD chain of a machine between the two drops the packet. Docker sets its policy to DROP and lets
its own networks through; what comes from elsewhere needs a rule in DOCKER-USER.`,
      wire: `The request comes in by one interface of the router and leaves by none; no error comes back.`,
      confirm: `  nft list ruleset; iptables-save -c -t filter      on the router: the counters of FORWARD
  vdiag drops --for 10                              names the hook while it happens`,
      cure: `Accept it, before the rule that drops:
  iptables -I DOCKER-USER -s SOURCE -d TARGET -j ACCEPT      where Docker owns FORWARD
  nft insert rule ip filter FORWARD ip daddr TARGET accept   elsewhere`,
      otherwise: 'If the router does not forward at all, no counter of FORWARD grows: forwarding-off.',
    },
  },
  {
    id: 'nat-masquerade-missing',
    severity: 'fault',
    title: 'a private source address leaves by the uplink, and nobody can answer it',
    explain: {
      what: `Behind the uplink nobody knows a way back to the containers' network. A rule has to put the uplink's
address in place of the container's (masquerade); it is missing, or does not match this network.`,
      wire: `The request leaves by the uplink with the container's own address as its source, and no reply comes.`,
      confirm: `  nft list table ip nat; iptables-save -t nat | grep MASQUERADE
  tcpdump -ni UPLINK icmp         shows the private source`,
      cure: `  iptables -t nat -A POSTROUTING -s NETWORK -o UPLINK -j MASQUERADE
  nft add rule ip nat postrouting ip saddr NETWORK oifname UPLINK masquerade      the same, where nft has that chain
or a route to the container network on every host that should answer.`,
      otherwise: "If the source is the uplink's own address, this works, and the reply is lost elsewhere.",
    },
  },
  {
    id: 'route-blackhole',
    severity: 'fault',
    title: 'a route of type blackhole, unreachable or prohibit covers the target',
    explain: {
      what: `Such routes throw packets away on purpose: blackhole silently, unreachable and prohibit with an ICMP
error. Routing daemons, VPN clients and cluster networks set them so that traffic does not leak.`,
      wire: `The packet ends at the router that has the route; with unreachable and prohibit an error comes back from
it.`,
      confirm: `  ip route get ADDRESS            an error instead of a route
  ip route show table all | grep -E '^(blackhole|unreachable|prohibit)'`,
      cure: `  ip route del TYPE NETWORK
after you have found out who set it, because it comes back otherwise.`,
      otherwise: 'A filter that rejects sends the same errors: filter-rejected.',
    },
  },
  {
    id: 'bridge-snooping-drops-nd',
    severity: 'fault',
    title: 'multicast snooping of a bridge swallows neighbour solicitations',
    explain: {
      what: `A bridge that snoops sends multicast only to ports that have joined the group. Neighbour solicitations are
multicast; if the membership reports got lost, or no querier asks for them again, the port of the target
is left out.`,
      wire: `The solicitation is sighted on the port it enters by, and not on the target's. IPv4 works, and IPv6 works
for minutes after the target has spoken.`,
      confirm: `  bridge mdb show dev BRIDGE                        no entry for ff02::1:ffXX:XXXX at the target's port
  ip -d link show BRIDGE                            mcast_snooping 1, mcast_querier 0`,
      cure: `  ip link set BRIDGE type bridge mcast_snooping 0
or let somebody ask: ip link set BRIDGE type bridge mcast_querier 1`,
      otherwise:
        'If ARP does not come through either, it is the port and not the snooping: bridge-port-not-forwarding.',
    },
  },
];

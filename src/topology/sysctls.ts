/**
 * The sysctls that gates read, from /proc/sys/net of the namespace this thread is in: call it inside `insideNetns`.
 * They are read by path and never by dotted name, since an interface's name may hold dots.
 */
import { readFileSync } from 'node:fs';

const ipv4PerInterface = (
  'rp_filter accept_local arp_ignore arp_filter arp_announce arp_accept proxy_arp proxy_arp_pvlan forwarding ' +
  'route_localnet src_valid_mark accept_redirects send_redirects shared_media drop_gratuitous_arp'
).split(' ');

const ipv6PerInterface =
  'disable_ipv6 forwarding force_forwarding mtu accept_dad accept_ra proxy_ndp ignore_routes_with_linkdown'.split(' ');

/** Path below /proc/sys/net, and the name in the model. */
const namespaceWide: readonly (readonly [path: string, name: string])[] = [
  ['ipv4/ip_forward', 'ipv4.ip_forward'],
  ['ipv4/icmp_echo_ignore_all', 'ipv4.icmp_echo_ignore_all'],
  ['ipv4/icmp_echo_ignore_broadcasts', 'ipv4.icmp_echo_ignore_broadcasts'],
  ['ipv4/ip_default_ttl', 'ipv4.ip_default_ttl'],
  ['ipv4/fwmark_reflect', 'ipv4.fwmark_reflect'],
  ['ipv4/ip_forward_use_pmtu', 'ipv4.ip_forward_use_pmtu'],
  ['ipv4/ip_no_pmtu_disc', 'ipv4.ip_no_pmtu_disc'],
  ['ipv4/icmp_errors_use_inbound_ifaddr', 'ipv4.icmp_errors_use_inbound_ifaddr'],
  ['ipv4/neigh/default/gc_thresh3', 'ipv4.neigh.default.gc_thresh3'],
  ['ipv6/neigh/default/gc_thresh3', 'ipv6.neigh.default.gc_thresh3'],
  ['ipv6/fwmark_reflect', 'ipv6.fwmark_reflect'],
  ['ipv6/icmp/echo_ignore_all', 'ipv6.icmp.echo_ignore_all'],
  ['bridge/bridge-nf-call-iptables', 'bridge.bridge-nf-call-iptables'],
  ['bridge/bridge-nf-call-ip6tables', 'bridge.bridge-nf-call-ip6tables'],
  ['bridge/bridge-nf-call-arptables', 'bridge.bridge-nf-call-arptables'],
  ['netfilter/nf_conntrack_count', 'netfilter.nf_conntrack_count'],
  ['netfilter/nf_conntrack_max', 'netfilter.nf_conntrack_max'],
];

export interface Sysctls {
  /** By name below net.: "ipv4.ip_forward", "ipv4.conf.all.rp_filter", "ipv6.conf.default.accept_ra". */
  readonly namespace: Readonly<Record<string, number>>;
  /** By interface name: the interface's own values. */
  readonly links: ReadonlyMap<string, { ipv4: Record<string, number>; ipv6: Record<string, number> }>;
}

/**
 * What is not there (a module not loaded, an interface gone, IPv6 switched off) is absent from the result.
 *
 * @param interfaces names as the kernel gives them; a name that is no file name is passed over
 */
export function readSysctls(interfaces: readonly string[]): Sysctls {
  const namespace: [string, number][] = [];
  for (const [path, name] of namespaceWide) {
    const value = readNumber(path);
    if (value !== undefined) namespace.push([name, value]);
  }
  for (const [family, names] of families) {
    for (const scope of ['all', 'default']) {
      const values = readConf(family, scope, names);
      for (const [name, value] of Object.entries(values)) namespace.push([`${family}.conf.${scope}.${name}`, value]);
    }
  }
  const links: [string, { ipv4: Record<string, number>; ipv6: Record<string, number> }][] = [];
  for (const name of interfaces) {
    if (name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0')) continue;
    links.push([
      name,
      { ipv4: readConf('ipv4', name, ipv4PerInterface), ipv6: readConf('ipv6', name, ipv6PerInterface) },
    ]);
  }
  return { namespace: Object.fromEntries(namespace), links: new Map(links) };
}

const families = [
  ['ipv4', ipv4PerInterface],
  ['ipv6', ipv6PerInterface],
] as const;

function readConf(family: string, scope: string, names: readonly string[]): Record<string, number> {
  const values: [string, number][] = [];
  for (const name of names) {
    const value = readNumber(`${family}/conf/${scope}/${name}`);
    if (value !== undefined) values.push([name, value]);
  }
  return Object.fromEntries(values);
}

function readNumber(path: string): number | undefined {
  try {
    const value = readFileSync(`/proc/sys/net/${path}`, 'latin1').trim();
    return /^-?\d{1,15}$/.test(value) ? Number(value) : undefined;
  } catch {
    return undefined;
  }
}

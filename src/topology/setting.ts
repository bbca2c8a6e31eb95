/**
 * What a sysctl of an interface comes to together with its `all`: each has its own law, and `default` has none here, since
 * it was copied when the interface was made.
 */
import type { Link, Namespace } from './model.ts';

/**
 * - `max`: the greater of `all` and the interface (IN_DEV_MAXCONF)
 * - `or`: set when either is (IN_DEV_ORCONF)
 * - `own`: the interface's alone (IN_DEV_CONF_GET)
 */
type Law = 'max' | 'or' | 'own';

/**
 * include/linux/inetdevice.h; drop_gratuitous_arp: net/ipv4/arp.c, arp_is_garp(). Kernels before 5.10 knew proxy_arp_pvlan
 * of the interface alone, and before 5.19 arp_accept as either of the two.
 */
const ipv4Laws: Readonly<Record<string, Law>> = {
  rp_filter: 'max',
  arp_ignore: 'max',
  arp_announce: 'max',
  arp_accept: 'max',
  accept_local: 'or',
  arp_filter: 'or',
  proxy_arp: 'or',
  proxy_arp_pvlan: 'or',
  route_localnet: 'or',
  src_valid_mark: 'or',
  send_redirects: 'or',
  shared_media: 'or',
  drop_gratuitous_arp: 'or',
  forwarding: 'own',
};

/**
 * net.ipv4.conf of an interface as the kernel applies it, `all` and its own value combined.
 *
 * @param name as below net.ipv4.conf.IFACE: `rp_filter`
 * @returns undefined where a value that could decide was not read, or the setting is not known
 */
export function ipv4Setting(namespace: Namespace, link: Link, name: string): number | undefined {
  const own = readValue(link.ipv4, name);
  const all = readValue(namespace.sysctls, `ipv4.conf.all.${name}`);
  if (name === 'accept_redirects') {
    // IN_DEV_RX_REDIRECTS: a router wants both, a host either.
    const router = ipv4Setting(namespace, link, 'forwarding');
    if (own === undefined || all === undefined || router === undefined) return undefined;
    return Number(router ? own !== 0 && all !== 0 : own !== 0 || all !== 0);
  }
  const law = Object.hasOwn(ipv4Laws, name) ? ipv4Laws[name] : undefined;
  return law && combine(law, own, all);
}

const ipv6Laws: Readonly<Record<string, Law>> = {
  disable_ipv6: 'own',
  forwarding: 'own',
  force_forwarding: 'own',
  accept_ra: 'own',
  accept_dad: 'max',
  proxy_ndp: 'or',
};

/**
 * As {@link ipv4Setting}, for net.ipv6.conf. `forwarding` of `all` decides whether packets are forwarded (ip6_forward() in
 * net/ipv6/ip6_output.c) and is read from the namespace's sysctls; this gives the interface's own.
 */
export function ipv6Setting(namespace: Namespace, link: Link, name: string): number | undefined {
  const law = Object.hasOwn(ipv6Laws, name) ? ipv6Laws[name] : undefined;
  return law && combine(law, readValue(link.ipv6, name), readValue(namespace.sysctls, `ipv6.conf.all.${name}`));
}

function combine(law: Law, own: number | undefined, all: number | undefined): number | undefined {
  if (law === 'own') return own;
  // One that is set decides an "or" alone.
  if (law === 'or' && (own || all)) return 1;
  if (own === undefined || all === undefined) return undefined;
  return law === 'or' ? 0 : Math.max(own, all);
}

function readValue(values: Readonly<Record<string, number>>, name: string): number | undefined {
  return Object.hasOwn(values, name) ? values[name] : undefined;
}

/** Names replaced by their kind and a number: container1, ns2, veth3. What everybody has (eth0, docker0, FORWARD) stays. */
import type { Secret } from './secret.ts';

export type NameKind =
  | 'netns'
  | 'container'
  | 'pod'
  | 'chain'
  | 'table'
  | 'set'
  | 'comment'
  | 'network'
  | 'image'
  | 'name';

export interface Names {
  /** Of an interface. @param kind as in `Link.kind`, for a name that tells nothing by itself */
  interface(name: string, kind?: string): string;
  named(name: string, kind: NameKind): string;
  /** An identifier: as many hexadecimal digits of another. */
  id(id: string): string;
  /** Every name that was replaced, and what by. */
  replaced(): ReadonlyMap<string, string>;
}

/** Names that programs and tutorials give: they say nothing about anybody. */
const GENERIC =
  /^(?:lo|(?:eth|ens|eno|enp\ds|wlan|br|veth|docker|podman|cni|flannel\.|virbr|lxcbr|lxdbr|incusbr|bond|team|dummy|ifb|tun|tap|wg|vxlan|gre|gretap|sit|ip6tnl|tunl|macvlan|ipvlan|vlan)\d{0,4}(?:\.\d{1,4})?|cbr0|kube-ipvs0|nodelocaldns|cilium_(?:net|host|vxlan)|erspan0)$/;

/** What programs put before a name of their own making: kept, so that it is known whose the interface is. */
const MAKERS = /^(?:veth|br-|cali|lxc|lxd|tap|vnet|cni|macvtap|virbr|podman|vxlan|flannel)/;

const BY_KIND: Readonly<Record<string, string>> = {
  veth: 'veth',
  bridge: 'br',
  macvlan: 'macvlan',
  ipvlan: 'ipvlan',
  vxlan: 'vxlan',
  tun: 'tun',
  dummy: 'dummy',
  vlan: 'vlan',
  bond: 'bond',
  wireguard: 'wg',
  physical: 'eth',
};

/** Tables and chains that programs make alike everywhere. */
const GENERIC_FILTER =
  /^(?:filter|nat|mangle|raw|security|(?:pre|post)routing|input|output|forward|ingress|egress|main|local|default|\d+|(?:DOCKER|KUBE|CNI|LIBVIRT|CILIUM|FLANNEL|ufw6?|f2b|cali)(?:-[A-Za-z]{2,}){0,4}(?:-\d)?)$/i;
/** Behind which a service's hash stands: `KUBE-SVC-ERIFXISQEP7F7OF4`. */
const HASHED = /^((?:KUBE|CNI)-(?:[A-Z]+-)?)([A-Z0-9]{16}|[0-9a-f]{24})$/;

/** Everybody has one: it stays. */
export function isGenericInterface(name: string): boolean {
  return GENERIC.test(name);
}

export function createNames(secret: Secret): Names {
  const known = new Map<string, string>();
  const taken = new Set<string>();
  const counts = new Map<string, number>();
  const fresh = (stem: string): string => {
    for (;;) {
      const count = (counts.get(stem) ?? 0) + 1;
      counts.set(stem, count);
      const made = `${stem}${count}`;
      if (!taken.has(made) && !known.has(made)) return made;
    }
  };
  const learn = (name: string, make: () => string): string => {
    const found = known.get(name);
    if (found !== undefined) return found;
    const made = make();
    known.set(name, made);
    taken.add(made);
    return made;
  };
  const digits = (id: string): string => Buffer.from(secret.digest(`id ${id}`)).toString('hex');
  return {
    interface(name, kind = '') {
      if (name === '' || GENERIC.test(name)) {
        taken.add(name);
        return name;
      }
      return learn(name, () => fresh(MAKERS.exec(name)?.[0] ?? BY_KIND[kind] ?? 'if'));
    },
    named(name, kind) {
      if (name === '') return name;
      if ((kind === 'chain' || kind === 'table') && GENERIC_FILTER.test(name)) return name;
      if (kind === 'table' && name.startsWith('vdiag_trace_')) return name;
      const hashed = kind === 'chain' ? HASHED.exec(name) : null;
      if (hashed) return learn(name, () => `${hashed[1]}${digits(name).toUpperCase().slice(0, hashed[2]?.length)}`);
      return learn(name, () => fresh(kind === 'netns' ? 'ns' : kind));
    },
    id: (id) =>
      id === '' ? id : learn(id, () => (/^[0-9a-f]{6,64}$/.test(id) ? digits(id).slice(0, id.length) : fresh('id'))),
    replaced: () => new Map([...known].filter(([name, made]) => name !== made)),
  };
}

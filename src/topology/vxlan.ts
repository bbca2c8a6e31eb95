/** What a VXLAN device is set to (ip-link(8); RFC 7348), out of what `ip -d link` says of it. */
import { canonicalAddress } from './address.ts';
import type { Link, Namespace, NetnsId, Topology } from './model.ts';

export interface VxlanSettings {
  /** The network's identifier (VNI). */
  readonly vni: number;
  /** UDP port it sends to and listens on. */
  readonly port: number;
  /** The multicast group it has joined, and sends to where it knows no remote. */
  readonly group?: string;
  /** Source address of what it sends. */
  readonly local?: string;
  /** The device it sends by, in the namespace of its socket: a name, or `ifN` for number N where that is another one. */
  readonly device?: string;
  /** It learns from what it receives behind which remote a hardware address is. */
  readonly learning: boolean;
  /** It answers questions for hardware addresses out of the neighbour table, and passes none on. */
  readonly proxy: boolean;
  /** The don't-fragment bit of what it sends: `unset` lets it be cut, `inherit` copies the inner packet's. */
  readonly df: 'unset' | 'set' | 'inherit';
  /** Somebody else (a route, OVS, an eBPF program) says where each packet goes. */
  readonly external: boolean;
}

/** IANA's; Linux sends to 8472 where nothing is said. */
const DEFAULT_PORT = 8472;
/** These are known wherever there is no topology (src/wire/tunnel.ts). */
const USUAL_PORTS: ReadonlySet<number> = new Set([4789, DEFAULT_PORT]);

/** Undefined for other devices. */
export function vxlanSettings({ kind, data }: Pick<Link, 'kind' | 'data'>): VxlanSettings | undefined {
  if (kind !== 'vxlan') return undefined;
  const number = (key: string) => (typeof data[key] === 'number' ? data[key] : undefined);
  const text = (key: string) => (typeof data[key] === 'string' ? data[key] : undefined);
  const local = canonicalAddress(text('local') ?? text('local6') ?? '');
  const group = canonicalAddress(text('group') ?? text('group6') ?? '');
  const device = text('link');
  const df = text('df');
  return {
    vni: number('id') ?? 0,
    port: number('port') ?? DEFAULT_PORT,
    ...(group === undefined ? {} : { group }),
    ...(local === undefined ? {} : { local }),
    ...(device === undefined ? {} : { device }),
    learning: data.learning !== false,
    proxy: data.proxy === true,
    df: df === 'set' || df === 'inherit' ? df : 'unset',
    external: data.external === true,
  };
}

/** The device of a namespace that is meant by its name, or by `ifN` from another namespace. */
export function deviceCalled({ links }: Namespace, name: string): Link | undefined {
  return links.find((link) => link.name === name) ?? links.find(({ index }) => name === `if${index}`);
}

/** The namespace its UDP socket is in: what the device sends travels there. */
export function socketNamespace(netns: NetnsId, link: Link): NetnsId {
  return link.socketNetns ?? netns;
}

/** UDP ports of the VXLAN devices, those left out that carry VXLAN everywhere. */
export function unusualVxlanPorts({ namespaces }: Topology): ReadonlySet<number> {
  const ports = namespaces.flatMap(({ links }) => links.flatMap((link) => vxlanSettings(link)?.port ?? []));
  return new Set(ports.filter((port) => !USUAL_PORTS.has(port)));
}

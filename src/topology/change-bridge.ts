/** Changes to bridges, their ports, and the filters they run packets through. */

import { editLink } from './edit.ts';
import type { Namespace, NetnsId } from './model.ts';

interface At {
  readonly netns: NetnsId;
  readonly name: string;
}

/** A flag of a bridge port, as bridge(8) names it. */
export type PortFlag = 'isolated' | 'locked' | 'flood' | 'bcast_flood' | 'mcast_flood' | 'learning' | 'hairpin';

export type BridgeChange =
  | { readonly kind: 'link-down'; readonly at: At }
  | { readonly kind: 'port-flag'; readonly at: At; readonly flag: PortFlag; readonly on: boolean }
  /** Refused by the kernel while the bridge runs STP. */
  | { readonly kind: 'port-forwarding'; readonly at: At }
  | { readonly kind: 'bridge-stp-off'; readonly at: At }
  /** Multicast goes to every port again, whoever asked for it. */
  | { readonly kind: 'bridge-snooping-off'; readonly at: At }
  /** Forgets all that the bridge has learnt. */
  | { readonly kind: 'fdb-flush'; readonly at: At }
  | { readonly kind: 'fdb-del'; readonly at: At; readonly mac: string; readonly vlan?: number }
  /** As PVID and untagged; of the bridge itself, where `at` is one. */
  | { readonly kind: 'vlan-add'; readonly at: At; readonly vlan: number; readonly self: boolean }
  /** Fixes the hardware address: a bridge's follows its ports no longer. */
  | { readonly kind: 'link-mac'; readonly at: At; readonly mac: string };

/** Program and arguments. */
export function bridgeWords(change: BridgeChange): string[] {
  const { name } = change.at;
  switch (change.kind) {
    case 'link-down':
      return ['ip', 'link', 'set', 'dev', name, 'down'];
    case 'port-flag':
      return ['bridge', 'link', 'set', 'dev', name, change.flag, change.on ? 'on' : 'off'];
    case 'port-forwarding':
      return ['bridge', 'link', 'set', 'dev', name, 'state', 'forwarding'];
    case 'bridge-stp-off':
      return ['ip', 'link', 'set', 'dev', name, 'type', 'bridge', 'stp_state', '0'];
    case 'bridge-snooping-off':
      return ['ip', 'link', 'set', 'dev', name, 'type', 'bridge', 'mcast_snooping', '0'];
    case 'fdb-flush':
      return ['ip', 'link', 'set', 'dev', name, 'type', 'bridge', 'fdb_flush'];
    case 'fdb-del': {
      const words = ['bridge', 'fdb', 'del', change.mac, 'dev', name, 'master'];
      return change.vlan === undefined ? words : [...words, 'vlan', String(change.vlan)];
    }
    case 'vlan-add': {
      const words = ['bridge', 'vlan', 'add', 'dev', name, 'vid', String(change.vlan), 'pvid', 'untagged'];
      return change.self ? [...words, 'self'] : words;
    }
    case 'link-mac':
      return ['ip', 'link', 'set', 'dev', name, 'address', change.mac];
    default:
      return change satisfies never;
  }
}

const FIELD = {
  isolated: 'isolated',
  locked: 'locked',
  flood: 'flood',
  bcast_flood: 'bcastFlood',
  mcast_flood: 'mcastFlood',
  learning: 'learning',
  hairpin: 'hairpin',
} as const satisfies Record<PortFlag, string>;

export function applyBridgeChange(namespace: Namespace, change: BridgeChange): Namespace {
  const { name } = change.at;
  switch (change.kind) {
    case 'link-down':
      return editLink(namespace, name, (link) => ({
        ...link,
        flags: link.flags.filter((flag) => flag !== 'UP' && flag !== 'LOWER_UP'),
        operstate: 'down',
        ...(link.port === undefined ? {} : { port: { ...link.port, state: 'disabled' } }),
      }));
    case 'port-flag':
      return editLink(namespace, name, (link) =>
        link.port ? { ...link, port: { ...link.port, [FIELD[change.flag]]: change.on } } : link,
      );
    case 'port-forwarding':
      return editLink(namespace, name, (link) =>
        link.port ? { ...link, port: { ...link.port, state: 'forwarding' } } : link,
      );
    case 'bridge-stp-off':
      return editLink(namespace, name, (link) =>
        link.bridge ? { ...link, bridge: { ...link.bridge, stp: false } } : link,
      );
    case 'bridge-snooping-off':
      return editLink(namespace, name, (link) =>
        link.bridge ? { ...link, bridge: { ...link.bridge, mcastSnooping: false } } : link,
      );
    case 'fdb-flush':
      return { ...namespace, fdb: namespace.fdb.filter(({ master, state }) => master !== name || state !== '') };
    case 'fdb-del':
      return {
        ...namespace,
        fdb: namespace.fdb.filter(
          ({ mac, device, vlan }) => mac !== change.mac || device !== name || vlan !== change.vlan,
        ),
      };
    case 'vlan-add':
      return editLink(namespace, name, (link) => {
        const added = [{ id: change.vlan, pvid: true, untagged: true }];
        // A port has one PVID.
        for (const vlan of link.port?.vlans ?? link.bridge?.vlans ?? [])
          if (vlan.id !== change.vlan) added.push({ ...vlan, pvid: false });
        if (link.port && !change.self) return { ...link, port: { ...link.port, vlans: added } };
        return link.bridge ? { ...link, bridge: { ...link.bridge, vlans: added } } : link;
      });
    case 'link-mac':
      return macSet(namespace, name, change.mac);
    default:
      return change satisfies never;
  }
}

/** The address itself, and the entries that bridges keep for it. */
function macSet(namespace: Namespace, name: string, mac: string): Namespace {
  const before = namespace.links.find((link) => link.name === name)?.mac;
  const edited = editLink(namespace, name, (link) => ({ ...link, mac }));
  return {
    ...edited,
    fdb: edited.fdb.filter((entry) => entry.mac !== before || entry.state !== 'permanent' || entry.device !== name),
  };
}

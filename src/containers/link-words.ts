/** A link in the words of `ip link`: its kind with what belongs to it, its state, its addresses. */
import { isLinkLocal } from '../topology/address.ts';
import type { Link } from '../topology/model.ts';

/** "bridge", "vxlan 42 to 10.0.0.2", "tap", "macvlan private"; empty for the kinds whose other end says it all. */
export function kindWords(link: Link): string {
  const { kind, data } = link;
  const value = (key: string): string => {
    const found = data[key];
    return typeof found === 'string' || typeof found === 'number' ? String(found) : '';
  };
  switch (kind) {
    case 'veth':
    case 'loopback':
      return '';
    case 'macvlan':
    case 'macvtap':
    case 'ipvlan':
    case 'ipvtap':
      return joined(kind, value('mode'));
    case 'vlan':
      return joined('vlan', value('id'));
    case 'vxlan': {
      const to = value('remote') || value('group');
      return joined(
        'vxlan',
        value('id'),
        to === '' ? '' : `to ${to}`,
        value('port') === '' ? '' : `port ${value('port')}`,
      );
    }
    case 'tun':
      return value('type') || 'tun';
    case 'physical':
      return 'device';
    default:
      return kind;
  }
}

/** "down", "no carrier", "mtu 1400"; nothing for a link that is as most are. */
export function stateWords(link: Link): string[] {
  const usual = link.kind === 'loopback' ? 65536 : 1500;
  return [
    link.flags.includes('UP') ? (link.flags.includes('NO-CARRIER') ? 'no carrier' : '') : 'down',
    link.port && link.port.state !== 'forwarding' && link.flags.includes('LOWER_UP') ? link.port.state : '',
    link.mtu === usual ? '' : `mtu ${link.mtu}`,
  ].filter((word) => word !== '');
}

/** "172.17.0.2/16", those of the link alone (fe80::) left out unless `all`. */
export function addressWords({ addresses }: Link, all = false): string[] {
  return addresses
    .filter(({ address }) => all || !isLinkLocal(address))
    .map(({ address, prefixLength, peer }) => `${address}${peer === undefined ? '' : ` peer ${peer}`}/${prefixLength}`);
}

function joined(...words: readonly string[]): string {
  return words.filter((word) => word !== '').join(' ');
}

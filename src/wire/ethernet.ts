/** Ethernet II, and 802.3 with LLC, which is passed over (IEEE 802.3 clause 3). VLAN tags are part of the walk. */
import { type Window, Writer } from './bytes.ts';
import type { DecodeStop, Ethernet, VlanTag } from './packet.ts';
import { formatMac, macBytes } from './text.ts';
import { decodeVlanTags, describeVlanTag, encodeVlanTags, VLAN_TAG_LENGTH } from './vlan.ts';

/** IEEE registered EtherTypes that vdiag decodes. */
export const EtherType = { ipv4: 0x0800, arp: 0x0806, reverseArp: 0x8035, ipv6: 0x86dd } as const;

/** Up to here the type field is a length (IEEE 802.3 clause 3.2.6). */
export const LAST_LENGTH = 1500;

const DESTINATION = 0;
const SOURCE = DESTINATION + 6;
const TYPE = SOURCE + 6;
/** Bytes of an untagged header. */
export const ETHERNET_HEADER_LENGTH = TYPE + 2;

export interface DecodedEthernet {
  readonly header?: Ethernet;
  readonly vlans: readonly VlanTag[];
  readonly body: Window;
  readonly stop?: DecodeStop;
}

export function decodeEthernet(window: Window): DecodedEthernet {
  const short = window.lacks('ethernet', ETHERNET_HEADER_LENGTH, 'ethernet header size');
  if (short) return { vlans: [], body: window, stop: short };
  const tags = decodeVlanTags(window.rest(ETHERNET_HEADER_LENGTH), window.u16(TYPE));
  const { etherType, vlans } = tags;
  const header: Ethernet = {
    destination: formatMac(window.bytes, window.start + DESTINATION),
    source: formatMac(window.bytes, window.start + SOURCE),
    etherType,
  };
  if (tags.stop) return { header, vlans, body: tags.body, stop: tags.stop };
  if (etherType > LAST_LENGTH) return { header, vlans, body: tags.body };
  const stop = tags.body.lacks('ethernet', etherType, '802.3 length');
  const body = tags.body.narrow(0, etherType);
  return stop ? { header, vlans, body, stop } : { header, vlans, body };
}

/** A frame without its check sequence and without padding to the minimum of 60 bytes: veth and bridge need none. */
export function encodeEthernet(
  header: Ethernet,
  payload: Uint8Array,
  vlans: readonly VlanTag[] = [],
  into: Uint8Array = new Uint8Array(ETHERNET_HEADER_LENGTH + vlans.length * VLAN_TAG_LENGTH + payload.length),
): Uint8Array {
  return new Writer(into)
    .bytes(macBytes(header.destination))
    .bytes(macBytes(header.source))
    .bytes(encodeVlanTags(vlans))
    .u16(header.etherType)
    .bytes(payload)
    .finish();
}

/** For a frame whose contents vdiag does not decode: addresses and type, VLAN tags first. */
export function describeEthernet({ source, destination, etherType }: Ethernet, vlans: readonly VlanTag[]): string {
  const tags = vlans.map((tag) => `${describeVlanTag(tag)}, `).join('');
  const type = etherType <= LAST_LENGTH ? '802.3' : `ethertype 0x${etherType.toString(16).padStart(4, '0')}`;
  return `${tags}${source} > ${destination}, ${type}`;
}

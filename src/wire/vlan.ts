/** IEEE 802.1Q tags, one or several (802.1ad, QinQ), between the Ethernet addresses and the EtherType. */
import { type Window, Writer } from './bytes.ts';
import type { DecodeStop, VlanTag } from './packet.ts';

/** Tag protocol identifiers; 0x9100 is the older, unregistered one for outer tags. */
const VlanTpid = { customer: 0x8100, service: 0x88a8, legacyOuter: 0x9100 } as const;

/** Counted from behind the tag's TPID, which stands where the EtherType would. */
const TCI = 0;
const NEXT_TYPE = TCI + 2;
/** Bytes that one tag adds to a frame. */
export const VLAN_TAG_LENGTH = NEXT_TYPE + 2;

/** Real stacks have two or three: the rest of a hostile one stays payload, so that memory stays bounded. */
const MOST_TAGS = 8;
const NO_TAGS: readonly VlanTag[] = Object.freeze([]);

/** True where a tag follows this type field. */
function isVlanTpid(etherType: number): boolean {
  return etherType === VlanTpid.customer || etherType === VlanTpid.service || etherType === VlanTpid.legacyOuter;
}

export interface DecodedTags {
  readonly vlans: readonly VlanTag[];
  /** The type behind the last good tag. */
  readonly etherType: number;
  readonly body: Window;
  readonly stop?: DecodeStop;
}

/** Walks the tags. `window` starts behind the type field that held `firstType`. */
export function decodeVlanTags(window: Window, firstType: number): DecodedTags {
  if (!isVlanTpid(firstType)) return { vlans: NO_TAGS, etherType: firstType, body: window };
  const vlans: VlanTag[] = [];
  let etherType = firstType;
  let body = window;
  while (isVlanTpid(etherType) && vlans.length < MOST_TAGS) {
    const stop = body.lacks('vlan', VLAN_TAG_LENGTH, 'vlan tag size');
    if (stop) return { vlans, etherType, body, stop };
    const tci = body.u16(TCI);
    vlans.push({ tpid: etherType, priority: tci >>> 13, dropEligible: (tci & 0x1000) !== 0, id: tci & 0x0fff });
    etherType = body.u16(NEXT_TYPE);
    body = body.rest(VLAN_TAG_LENGTH);
  }
  return { vlans, etherType, body };
}

/** The tags as they stand behind the source address: TPID and TCI of each, the EtherType not included. */
export function encodeVlanTags(
  vlans: readonly VlanTag[],
  into: Uint8Array = new Uint8Array(vlans.length * VLAN_TAG_LENGTH),
): Uint8Array {
  const writer = new Writer(into);
  for (const { tpid, priority, dropEligible, id } of vlans)
    writer.u16(tpid).u16((priority << 13) | (dropEligible ? 0x1000 : 0) | (id & 0x0fff));
  return writer.finish();
}

/** As tcpdump -e: `vlan 5, p 3, DEI`. */
export function describeVlanTag({ id, priority, dropEligible }: VlanTag): string {
  return `vlan ${id}, p ${priority}${dropEligible ? ', DEI' : ''}`;
}

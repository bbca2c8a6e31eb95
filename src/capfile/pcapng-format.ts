/**
 * The pcapng file format (draft-ietf-opsawg-pcapng): the numbers that reader and writer share.
 *
 *     section header ─► interface description … ─► enhanced packet … ─► interface statistics …
 *
 * Every block is `type, length, body, length again`; a section header says in which byte order its section is written.
 */

/** Block types. */
export const SECTION_HEADER = 0x0a0d0d0a;
export const INTERFACE_DESCRIPTION = 1;
export const OBSOLETE_PACKET = 2;
export const SIMPLE_PACKET = 3;
export const INTERFACE_STATISTICS = 5;
export const ENHANCED_PACKET = 6;

/** Reads as this in the byte order the section is written in. */
export const BYTE_ORDER_MAGIC = 0x1a2b3c4d;

/** Shortest total length of any block, bytes. */
export const MIN_BLOCK = 12;

/** Shortest total length of a block by its fixed fields, bytes; undefined for types that are passed over. */
export function minLength(type: number): number | undefined {
  switch (type) {
    case ENHANCED_PACKET:
    case OBSOLETE_PACKET:
      return 32;
    case SIMPLE_PACKET:
      return 16;
    case SECTION_HEADER:
      return 28;
    case INTERFACE_DESCRIPTION:
      return 20;
    case INTERFACE_STATISTICS:
      return 24;
    default:
      return undefined;
  }
}

/** Option codes: in any block, then by block. */
export const END_OF_OPTIONS = 0;
export const COMMENT = 1;
export const sectionOption = { hardware: 2, operatingSystem: 3, application: 4 };
export const interfaceOption = {
  name: 2,
  description: 3,
  mac: 6,
  resolution: 9,
  filter: 11,
  timeOffset: 14,
  hardware: 15,
};
export const packetOption = { flags: 2, dropCount: 4, packetId: 5 };
export const statisticsOption = { start: 2, end: 3, received: 4, dropped: 5 };

/** `epb_flags`: direction in bits 0 and 1, reception type in bits 2 to 4, and one bit of its own. */
export const INBOUND = 1;
export const OUTBOUND = 2;
export const reception = { unspecified: 0, unicast: 1, multicast: 2, broadcast: 3, promiscuous: 4 };
export const RECEPTION_SHIFT = 2;
export const CHECKSUM_NOT_READY = 1 << 9;

/** The link type of all that vdiag writes (https://www.tcpdump.org/linktypes.html). */
export const LINKTYPE_ETHERNET = 1;

/**
 * `if_hardware` of a device without link layer (tun, wireguard) in a file vdiag wrote: tcpdump reads no file with two link types, so
 * its packets carry an Ethernet header of zero addresses, which the reader takes off again.
 */
export const SYNTHETIC_ETHERNET = 'no link layer: Ethernet header added by vdiag';
export const ETHERNET_HEADER = 14;

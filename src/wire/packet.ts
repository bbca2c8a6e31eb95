/**
 * One decoded frame: its good layers from the outside in, and where decoding stopped if it did.
 * Fields carry wire values under the names of their RFCs; meaning is a function beside the protocol.
 */

/** Why decoding ended before the frame did. */
export interface DecodeStop {
  /** The layer that could not be decoded. */
  readonly layer: string;
  /** Where it starts in the frame, bytes from 0. */
  readonly offset: number;
  /** Bytes that were needed from `offset` on, and bytes that were there. */
  readonly need: number;
  readonly have: number;
  /** The field that claimed the length ("ipv4 total length"), or the header's fixed size. */
  readonly claimedBy: string;
  /** `truncated`: the capture cut it off (snap length). `malformed`: the sender made it so. */
  readonly reason: 'truncated' | 'malformed';
}

/** Ethernet II (IEEE 802.3 clause 3). Addresses are lower case with colons. */
export interface Ethernet {
  readonly destination: string;
  readonly source: string;
  /** Of what follows the VLAN tags; a length (<= 1500) in an 802.3 frame. */
  readonly etherType: number;
}

/** IEEE 802.1Q tag. */
export interface VlanTag {
  /** 0x8100 (C-tag), 0x88a8 (S-tag) or 0x9100 (older S-tag). */
  readonly tpid: number;
  readonly priority: number;
  readonly dropEligible: boolean;
  readonly id: number;
}

/**
 * What `tcpdump -i any` has in place of an Ethernet header: LINKTYPE_LINUX_SLL (version 1) and LINKTYPE_LINUX_SLL2.
 * The destination address is not there.
 */
export interface Cooked {
  readonly version: 1 | 2;
  /** packet(7): 0 to this host, 1 broadcast, 2 multicast, 3 to another host, 4 sent by this host. */
  readonly packetType: number;
  /** ARPHRD_ number of the device. */
  readonly hardwareType: number;
  /** The sender's address, where it has six bytes. */
  readonly source?: string;
  /** EtherType of what follows the VLAN tags. */
  readonly protocol: number;
  /** The kernel's interface number (version 2). */
  readonly interfaceIndex?: number;
}

/** RFC 826, for Ethernet and IPv4. */
export interface Arp {
  /** 1 request, 2 reply. */
  readonly operation: number;
  readonly senderHardware: string;
  readonly senderProtocol: string;
  readonly targetHardware: string;
  readonly targetProtocol: string;
}

/** RFC 791. */
export interface Ipv4 {
  readonly version: 4;
  readonly source: string;
  readonly destination: string;
  readonly headerLength: number;
  readonly totalLength: number;
  readonly identification: number;
  readonly dontFragment: boolean;
  readonly moreFragments: boolean;
  /** Bytes. */
  readonly fragmentOffset: number;
  readonly ttl: number;
  readonly protocol: number;
  readonly checksumValid: boolean;
}

/** RFC 8200, with the extension headers walked over. */
export interface Ipv6 {
  readonly version: 6;
  readonly source: string;
  readonly destination: string;
  readonly payloadLength: number;
  readonly hopLimit: number;
  /** The upper-layer protocol behind the extension headers. */
  readonly nextHeader: number;
  /** From a fragment header, else 0 / false. */
  readonly identification: number;
  readonly fragmentOffset: number;
  readonly moreFragments: boolean;
}

/** RFC 792 and RFC 4443: one shape for both, told apart by `version`. */
export interface Icmp {
  readonly version: 4 | 6;
  readonly type: number;
  readonly code: number;
  /** Computed over what was captured; undefined where the capture cut it or a fragment is missing. */
  readonly checksumValid?: boolean;
  /** Echo only. */
  readonly identifier?: number;
  readonly sequence?: number;
  /** Echo data. */
  readonly data?: Uint8Array;
  /** Fragmentation needed (RFC 1191) or packet too big: next-hop MTU, bytes. */
  readonly mtu?: number;
  /** Redirect: the better gateway. */
  readonly gateway?: string;
  /** Neighbour solicitation and advertisement (RFC 4861): target and link-layer address option. */
  readonly target?: string;
  readonly linkLayerAddress?: string;
  /** Neighbour advertisement: router 0x80, solicited 0x40, override 0x20. */
  readonly neighbourFlags?: number;
  /** An error's quoted packet, from its IP header on; it may end early by design. */
  readonly quoted?: Packet;
}

/** RFC 768 and RFC 9293, as far as correlation needs them. */
export interface Udp {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly length: number;
}
export interface Tcp {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence: number;
  /** These two are absent where an ICMP error quotes no more than the first eight bytes. */
  readonly acknowledgment?: number;
  readonly flags?: number;
}

export interface Packet {
  readonly ethernet?: Ethernet;
  readonly cooked?: Cooked;
  readonly vlans: readonly VlanTag[];
  readonly arp?: Arp;
  readonly ip?: Ipv4 | Ipv6;
  readonly icmp?: Icmp;
  readonly udp?: Udp;
  readonly tcp?: Tcp;
  /** The packet that a tunnel carries (VXLAN, Geneve, GRE, IP in IP, …), from its own first header on; up to four levels. */
  readonly inner?: Packet;
  /** Bytes behind the last good layer that belong to it (no Ethernet padding). A non-first fragment's data is here. */
  readonly payload: Uint8Array;
  readonly stop?: DecodeStop;
}

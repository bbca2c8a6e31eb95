/**
 * The private nftables table of a trace: chains before all others, whose rules set `meta nftrace` on the run's own packets and
 * on errors that quote them. The table belongs to the socket that makes it (NFT_TABLE_F_OWNER, Linux 5.12): when that is closed,
 * in whatever way the process ends, the kernel removes it.
 */
import {
  attribute,
  joined,
  type NetlinkMessage,
  NLM_F_ACK,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REQUEST,
  nest,
  numberAttribute,
  textAttribute,
} from '../linux/netlink-message.ts';
import { netfilterHeader } from '../linux/nfnetlink.ts';
import { type RunIdentity, TOKEN_LENGTH } from '../trace/run.ts';

/** include/uapi/linux/netfilter/nfnetlink.h, nf_tables.h */
export const NFNL_SUBSYS_NFTABLES = 10;
export const NFNLGRP_NFTRACE = 9;
export const NFT_MSG_TRACE = (NFNL_SUBSYS_NFTABLES << 8) | 17;
const NEWTABLE = 0;
const NEWCHAIN = 3;
const NEWRULE = 6;
const NFT_TABLE_F_OWNER = 2;
const FAMILY = { inet: 1, bridge: 7 };
const HOOK = { prerouting: 0, output: 3 };
/** NF_IP_PRI_FIRST: nobody's chain is called before it. */
const FIRST = -0x80000000;
const NFT_REG_1 = 1;
const NFT_META_NFTRACE = 12;
const NFT_META_L4PROTO = 16;
const NFT_PAYLOAD_TRANSPORT_HEADER = 2;
const NFT_CMP_EQ = 0;
/** A payload expression loads at most so much: a register. */
const REGISTER_BYTES = 16;

const ICMP_HEADER = 8;
const IP_HEADER = { 4: 20, 6: 40 };
const PROTOCOL = { 4: 1, 6: 58 };
const ECHO_TYPES = { 4: [8, 0], 6: [128, 129] };

export interface TraceTable {
  readonly name: string;
  /** Which packet filters see the packets: those of IP, those of a bridge. */
  readonly families: readonly ('inet' | 'bridge')[];
  readonly run: RunIdentity;
  /** IPv4 or IPv6. */
  readonly version: 4 | 6;
  /** Echo data of the probes, bytes: a token may not fit whole. */
  readonly dataBytes: number;
}

/** The changes that make the table, for one transaction. */
export function tableMessages(table: TraceTable): Omit<NetlinkMessage, 'sequence'>[] {
  return table.families.flatMap((family) => [
    change(NEWTABLE, FAMILY[family], NLM_F_CREATE | NLM_F_EXCL, [
      textAttribute(1, table.name),
      numberAttribute(2, NFT_TABLE_F_OWNER),
    ]),
    ...(['prerouting', 'output'] as const).flatMap((hook) => [
      change(NEWCHAIN, FAMILY[family], NLM_F_CREATE | NLM_F_EXCL, [
        textAttribute(1, table.name),
        textAttribute(3, hook),
        nest(4, numberAttribute(1, HOOK[hook]), numberAttribute(2, FIRST)),
        textAttribute(7, 'filter'),
      ]),
      ...patternsOf(table).map((pattern) =>
        change(NEWRULE, FAMILY[family], NLM_F_CREATE | NLM_F_APPEND, [
          textAttribute(1, table.name),
          textAttribute(2, hook),
          nest(4, ...[...protocolIs(PROTOCOL[table.version]), ...pattern.flatMap(bytesAre), ...traced()]),
        ]),
      ),
    ]),
  ]);
}

/** Bytes of the ICMP message that must be so. */
interface Bytes {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** What marks a packet as the run's: the token in its data, and where that is cut, its identifier too. */
function patternsOf({ run, version, dataBytes }: TraceTable): Bytes[][] {
  const held = (run.token ?? new Uint8Array(0)).subarray(0, dataBytes);
  const known = (at: number): Bytes[] => [
    ...(held.length < TOKEN_LENGTH
      ? [{ offset: at + 4, bytes: Uint8Array.of(run.identifier >> 8, run.identifier & 0xff) }]
      : []),
    ...(held.length > 0 ? [{ offset: at + ICMP_HEADER, bytes: held }] : []),
  ];
  const quoted = ICMP_HEADER + IP_HEADER[version];
  const types = ECHO_TYPES[version];
  return [
    ...types.map((type) => [{ offset: 0, bytes: Uint8Array.of(type) }, ...known(0)]),
    ...types.map((type) => [{ offset: quoted, bytes: Uint8Array.of(type) }, ...known(quoted)]),
  ];
}

function change(
  type: number,
  family: number,
  flags: number,
  attributes: readonly Uint8Array[],
): Omit<NetlinkMessage, 'sequence'> {
  return {
    type: (NFNL_SUBSYS_NFTABLES << 8) | type,
    flags: NLM_F_REQUEST | NLM_F_ACK | flags,
    payload: joined([netfilterHeader(family), ...attributes]),
  };
}

/** NFTA_LIST_ELEM with NFTA_EXPR_NAME and NFTA_EXPR_DATA. */
function expression(name: string, ...data: readonly Uint8Array[]): Uint8Array {
  return nest(1, textAttribute(1, name), nest(2, ...data));
}

/** A value as NFTA_DATA_VALUE in the attribute of an expression. */
function dataOf(type: number, bytes: Uint8Array): Uint8Array {
  return nest(type, attribute(1, bytes));
}

function compared(bytes: Uint8Array): Uint8Array {
  return expression('cmp', numberAttribute(1, NFT_REG_1), numberAttribute(2, NFT_CMP_EQ), dataOf(3, bytes));
}

function protocolIs(protocol: number): Uint8Array[] {
  return [
    expression('meta', numberAttribute(2, NFT_META_L4PROTO), numberAttribute(1, NFT_REG_1)),
    compared(Uint8Array.of(protocol)),
  ];
}

function bytesAre({ offset, bytes }: Bytes): Uint8Array[] {
  const part = bytes.subarray(0, REGISTER_BYTES);
  return [
    expression(
      'payload',
      numberAttribute(1, NFT_REG_1),
      numberAttribute(2, NFT_PAYLOAD_TRANSPORT_HEADER),
      numberAttribute(3, offset),
      numberAttribute(4, part.length),
    ),
    compared(part),
  ];
}

function traced(): Uint8Array[] {
  return [
    expression('immediate', numberAttribute(1, NFT_REG_1), dataOf(2, Uint8Array.of(1))),
    expression('meta', numberAttribute(2, NFT_META_NFTRACE), numberAttribute(3, NFT_REG_1)),
  ];
}

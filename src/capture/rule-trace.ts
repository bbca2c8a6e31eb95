/**
 * Asks the kernel which packet filter rules the run's own packets meet: a private nftables table sets `meta nftrace` on them,
 * and the kernel tells of every rule they match (nft(8), "meta nftrace"; NFNLGRP_NFTRACE).
 *
 * The only thing vdiag ever changes in a namespace that it did not make, and only when asked to.
 */
import { errnoName } from '../linux/errno.ts';
import { VdiagError } from '../linux/error.ts';
import { insideNetns, type NetnsHandle } from '../linux/netns.ts';
import { type NetfilterSocket, openNetfilterSocket } from '../linux/nfnetlink.ts';
import { interfaceName } from '../linux/socket.ts';
import { createPassageJoiner, type RulePassage } from '../trace/rule-trace.ts';
import { decodeRuleEvent } from './rule-trace-event.ts';
import {
  NFNL_SUBSYS_NFTABLES,
  NFNLGRP_NFTRACE,
  NFT_MSG_TRACE,
  type TraceTable,
  tableMessages,
} from './rule-trace-table.ts';

export interface RuleTraceOptions extends TraceTable {
  readonly onPassage: (passage: RulePassage) => void;
}

export interface RuleTrace {
  readonly netns: NetnsHandle;
  /** Reads what the kernel has told, and hands over the passages that have ended. Never blocks. */
  read(): void;
  /** Reads to the end, and hands over the others too: the last step before `close`. */
  finish(): void;
  /** The kernel told more than could be kept: passages may be missing, or lack their end. */
  lost(): boolean;
  /** Idempotent. The kernel removes the table with the socket. */
  close(): void;
}

/** A rule's event takes about 1 KiB of it. */
const BUFFER_BYTES = 8 * 1024 * 1024;

/**
 * Makes the table in a namespace and begins to listen.
 * @throws VdiagError `permission` without CAP_NET_ADMIN there, `unsupported-platform` before Linux 5.12 or without nf_tables, `no-such-namespace`
 */
export function openRuleTrace(netns: NetnsHandle, options: RuleTraceOptions): RuleTrace {
  const socket = insideNetns(netns, () => openedHere(options));
  const joiner = createPassageJoiner({
    netns: netns.id,
    run: options.run,
    ownTable: options.name,
    nameOf: (index) => interfaceName(socket.fd, index),
    onPassage: options.onPassage,
  });
  let lost = false;
  const read = (): void => {
    const result = socket.receive((message) => {
      const event = message.type === NFT_MSG_TRACE ? decodeRuleEvent(message) : undefined;
      if (event) joiner.add(event);
    });
    lost ||= result.lost;
  };
  return {
    netns,
    read,
    finish() {
      read();
      joiner.end();
    },
    lost: () => lost,
    close: () => socket.close(),
  };
}

function openedHere(options: RuleTraceOptions): NetfilterSocket {
  let socket: NetfilterSocket | undefined;
  try {
    socket = openNetfilterSocket(NFNLGRP_NFTRACE, BUFFER_BYTES);
    const errno = socket.transact(NFNL_SUBSYS_NFTABLES, tableMessages(options));
    if (errno !== 0) throw refused(errno);
    return socket;
  } catch (error) {
    socket?.close();
    if (error instanceof VdiagError && error.code === 'permission') throw notPermitted();
    throw error;
  }
}

function refused(errno: number): VdiagError {
  const name = errnoName(errno);
  if (name === 'EPERM' || name === 'EACCES') return notPermitted();
  if (['EOPNOTSUPP', 'EINVAL', 'EAFNOSUPPORT', 'ENOENT', 'EPROTONOSUPPORT'].includes(name))
    return new VdiagError(
      'unsupported-platform',
      `the kernel does not take a table that ends with its owner (${name})`,
      'it needs nf_tables of Linux 5.12 or later',
    );
  return new VdiagError('system-call', `the trace table cannot be made: ${name}`);
}

function notPermitted(): VdiagError {
  return new VdiagError('permission', 'tracing rules needs CAP_NET_ADMIN', 'run it with sudo');
}

/** What makes this run's probes known wherever they are sighted, also after NAT: the data they carry. */

/** Bytes of the token at the start of the echo data; the sequence number follows as 32 bits, big endian. */
export const TOKEN_LENGTH = 8;

export interface RunIdentity {
  /** Random per run, `TOKEN_LENGTH` bytes. Absent: another program's echoes, which only the identifier tells. */
  readonly token?: Uint8Array;
  /** ICMP identifier the probe sends with (NAT may rewrite it on the way). */
  readonly identifier: number;
  /** UDP ports that carry VXLAN on this machine, beside the usual ones. */
  readonly vxlanPorts?: ReadonlySet<number>;
}

/**
 * The number of the probe whose echo data this is, or undefined for somebody else's.
 * Data too short to hold the whole token matches by what it holds; then `wireSequence` (the ICMP sequence number)
 * and the identifier decide.
 */
export function probeSequence(
  run: RunIdentity,
  data: Uint8Array,
  identifier: number,
  wireSequence: number,
): number | undefined {
  if (run.token === undefined) return identifier === run.identifier ? wireSequence : undefined;
  const held = Math.min(TOKEN_LENGTH, data.length);
  for (let index = 0; index < held; index++) if (data[index] !== run.token[index]) return undefined;
  if (data.length >= TOKEN_LENGTH + 4)
    return new DataView(data.buffer, data.byteOffset + TOKEN_LENGTH, 4).getUint32(0, false);
  return identifier === run.identifier ? wireSequence : undefined;
}

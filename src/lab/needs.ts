/** What a lab needs beyond namespaces of its own, and whether this user has it (capabilities(7), user_namespaces(7)). */
import { readFileSync } from 'node:fs';
import type { Isolation } from './isolation.ts';
import type { Lab } from './lab.ts';

/**
 * - `CAP_BPF`: it loads an eBPF program. Only a capability of the initial user namespace lets one: being root in another,
 *   as an ordinary user is in a lab, does not.
 */
export const LAB_NEEDS = ['CAP_BPF'] as const;
export type LabNeed = (typeof LAB_NEEDS)[number];

/** Numbers of include/uapi/linux/capability.h. */
const CAP_SYS_ADMIN = 21n;
const CAP_BPF = 39n;
/** What /proc/self/uid_map says of the initial user namespace: all numbers stand for themselves. */
const ALL_USERS = /^\s*0\s+0\s+4294967295\s*$/;

/** Why this user cannot build the lab, one line; undefined when nothing is lacking. */
export function lackingFor(lab: Pick<Lab, 'needs'>, isolation: Isolation): string | undefined {
  const lacking = lab.needs.filter((need) => !isMet(need, isolation));
  return lacking.length === 0 ? undefined : `it needs ${lacking.join(' and ')}, which this user does not have`;
}

function isMet(need: LabNeed, { user }: Isolation): boolean {
  switch (need) {
    case 'CAP_BPF':
      // bpf_capable(): the older and wider capability does as well.
      return !user && ALL_USERS.test(read('/proc/self/uid_map')) && (holds(CAP_BPF) || holds(CAP_SYS_ADMIN));
    default:
      return need satisfies never;
  }
}

function holds(capability: bigint): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(read('/proc/self/status'))?.[1];
  return effective !== undefined && ((BigInt(`0x${effective}`) >> capability) & 1n) === 1n;
}

function read(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

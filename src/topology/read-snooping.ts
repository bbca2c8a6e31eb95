/** What the bridges of a namespace have heard of multicast: groups, routers, and who asks for them. */
import { otherQueriers, type QuerierHeard } from '../linux/bridge-querier.ts';
import { insideNetns, type NetnsHandle } from '../linux/netns.ts';
import type { BridgeSnooping, Link } from './model.ts';
import { type ParsedMdb, parseMdb } from './parse-mdb.ts';
import { ask, type RunProgram } from './program.ts';
import type { NoteGap } from './read-namespace.ts';

/**
 * By the bridge's name; those of which nothing could be read are missing. Asks nobody where no bridge snoops.
 * @param told the groups, where the kernel has told them plainly
 */
export async function readSnooping(
  run: RunProgram,
  at: NetnsHandle,
  links: readonly Link[],
  told: ReadonlyMap<string, ParsedMdb> | undefined,
  gap: NoteGap,
): Promise<ReadonlyMap<string, BridgeSnooping>> {
  const bridges = links.filter(({ bridge }) => bridge?.mcastSnooping);
  if (bridges.length === 0) return new Map();
  const unknown = (reason: string) => gap(`bridge mdb: ${reason}, multicast groups of ${at.id} unknown`);
  const heard = told ?? (await askGroups(run, at, unknown));
  if (!heard) return new Map();
  try {
    const queriers = insideNetns(at, () => otherQueriers(bridges.map(({ index }) => index)));
    return new Map(bridges.map(({ name, index }) => [name, withQuerier(heard.get(name), queriers.get(index), links)]));
  } catch (cause) {
    unknown(cause instanceof Error ? cause.message : String(cause));
    return new Map();
  }
}

async function askGroups(
  run: RunProgram,
  at: NetnsHandle,
  unknown: (reason: string) => void,
): Promise<ReadonlyMap<string, ParsedMdb> | undefined> {
  const [answer] = await ask(run, at, 'bridge', ['-j', '-d'], ['mdb show']);
  if (answer && 'json' in answer) return parseMdb(answer.json);
  unknown(answer?.failure.reason ?? 'no answer');
  return undefined;
}

function withQuerier(
  heard: ParsedMdb | undefined,
  querier: QuerierHeard | undefined,
  links: readonly Link[],
): BridgeSnooping {
  const port = links.find(({ index }) => index === querier?.port)?.name;
  return {
    ...(querier && { otherQuerier: port === undefined ? {} : { port } }),
    routers: heard?.routers ?? [],
    groups: heard?.groups ?? [],
  };
}

/** A link with what its bridge has heard. */
export function withSnooping(link: Link, snooping: ReadonlyMap<string, BridgeSnooping>): Link {
  const heard = snooping.get(link.name);
  return link.bridge?.mcastSnooping && heard ? { ...link, bridge: { ...link.bridge, snooping: heard } } : link;
}

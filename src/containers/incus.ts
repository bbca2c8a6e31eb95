/** Incus and LXD through `incus list --format json` and `lxc list --format json`. */
import { child, field, integer, isObject, type JsonObject, objects, text } from '../topology/json.ts';
import type { Told } from './container.ts';
import { askJson } from './program.ts';

/**
 * @param program `incus`, or `lxc` of LXD
 * @throws Error with one line, when it does not answer in time
 */
export async function askIncus(program: string, timeoutMs: number): Promise<Told[]> {
  return parseIncus(await askJson(program, ['list', '--all-projects', '--format', 'json'], timeoutMs));
}

/** Virtual machines are left out: their network is not in a namespace. */
export function parseIncus(json: unknown): Told[] {
  return objects(json)
    .filter((entry) => text(entry, 'type') !== 'virtual-machine')
    .flatMap((entry) => {
      const name = text(entry, 'name');
      if (name === undefined) return [];
      const project = text(entry, 'project') ?? 'default';
      const state = child(entry, 'state');
      const pid = integer(state, 'pid');
      // In its cgroup a container of another project carries the project's name.
      const id = project === 'default' ? name : `${project}_${name}`;
      const running = text(entry, 'status')?.toLowerCase();
      return [
        {
          runtime: 'incus',
          id,
          name,
          state: running === 'running' ? 'running' : running === 'frozen' ? 'paused' : 'stopped',
          networks: attached(child(state, 'network')),
          ...(pid !== undefined && pid > 0 && { pid }),
        },
      ];
    });
}

function attached(network: JsonObject): NonNullable<Told['networks']> {
  return Object.entries(network)
    .filter(([name]) => name !== 'lo')
    .slice(0, 64)
    .map(([name, given]) => ({
      name,
      addresses: objects(isObject(given) ? field(given, 'addresses') : undefined)
        .filter((address) => text(address, 'scope') === 'global')
        .flatMap((address) => text(address, 'address') ?? []),
    }));
}

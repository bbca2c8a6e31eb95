/**
 * Docker, and podman where its service speaks Docker's language: containers and networks over the Unix socket of the Engine
 * API (docs.docker.com/reference/api/engine, GET /containers/json and /networks; podman-system-service(1)).
 */
import { child, field, flag, integer, isObject, type JsonObject, objects, strings, text } from '../topology/json.ts';
import type {
  AttachedNetwork,
  ContainerState,
  Pod,
  PublishedPort,
  Runtime,
  RuntimeNetwork,
  Told,
} from './container.ts';
import { getJson } from './unix-http.ts';

/** A host of thousands of containers answers with a few megabytes. */
const maxBytes = 32 * 1024 * 1024;
/** More containers than one kernel runs. */
const most = 20_000;
/** Asked one by one only where the kernel did not show which processes are theirs. */
const mostInspected = 64;
const mostPorts = 256;

export interface DockerSaid {
  readonly containers: readonly Told[];
  readonly networks: readonly RuntimeNetwork[];
}

/**
 * Everything a daemon says of its containers, also of those that are stopped.
 * @throws Error with one line, when it does not answer in time
 */
export async function askDocker(socket: string, runtime: Runtime, timeoutMs: number): Promise<DockerSaid> {
  const options = { timeoutMs, maxBytes };
  const [containers, networks] = await Promise.all([
    getJson(socket, '/containers/json?all=1', options),
    getJson(socket, '/networks', options).catch(() => []),
  ]);
  return { containers: parseContainers(containers, runtime), networks: parseNetworks(networks, runtime) };
}

/** For containers whose processes no cgroup shows: each is asked for its first process and its namespace. */
export async function inspectDocker(
  socket: string,
  containers: readonly Told[],
  timeoutMs: number,
): Promise<readonly Told[]> {
  const options = { timeoutMs, maxBytes };
  const asked = containers.slice(0, mostInspected).map(async (told): Promise<Told> => {
    if (!/^[0-9a-f]{12,64}$/.test(told.id)) return told;
    try {
      return { ...told, ...parseInspection(await getJson(socket, `/containers/${told.id}/json`, options)) };
    } catch {
      return told;
    }
  });
  return [...(await Promise.all(asked)), ...containers.slice(mostInspected)];
}

/** GET /containers/json */
export function parseContainers(json: unknown, runtime: Runtime): Told[] {
  return objects(json)
    .slice(0, most)
    .flatMap((entry) => parseContainer(entry, runtime) ?? []);
}

function parseContainer(entry: JsonObject, runtime: Runtime): Told | undefined {
  const id = text(entry, 'Id');
  if (id === undefined || id === '') return undefined;
  // The names of legacy links (/web/db) are no names of this container.
  const names = strings(entry, 'Names').map((name) => name.replace(/^\//, ''));
  const name = names.find((one) => !one.includes('/')) ?? names[0];
  const mode = text(child(entry, 'HostConfig'), 'NetworkMode') ?? '';
  const pod = podOf(child(entry, 'Labels'));
  const image = text(entry, 'Image');
  const command = text(entry, 'Command');
  const sharesWith = /^container:(.+)$/s.exec(mode)?.[1];
  return {
    runtime,
    id,
    ...(name !== undefined && name !== '' && { name }),
    ...(pod && { pod }),
    ...(image !== undefined && { image }),
    ...(command !== undefined && { command }),
    state: stateOf(text(entry, 'State')),
    hostNetwork: mode === 'host',
    ...(sharesWith !== undefined && { sharesWith }),
    networks: attached(child(child(entry, 'NetworkSettings'), 'Networks')),
    ports: published(objects(field(entry, 'Ports'))),
  };
}

function attached(networks: JsonObject): AttachedNetwork[] {
  return Object.entries(networks)
    .slice(0, 64)
    .map(([name, given]) => {
      const settings = isObject(given) ? given : {};
      const addresses = [text(settings, 'IPAddress') ?? '', text(settings, 'GlobalIPv6Address') ?? ''];
      return { name, addresses: addresses.filter((address) => address !== '') };
    });
}

/** Without a PublicPort it is only exposed: nothing leads to it. */
function published(ports: readonly JsonObject[]): PublishedPort[] {
  return ports.slice(0, mostPorts).flatMap((entry) => {
    const [hostPort, port] = [integer(entry, 'PublicPort'), integer(entry, 'PrivatePort')];
    const address = text(entry, 'IP') || '0.0.0.0';
    const protocol = text(entry, 'Type') ?? 'tcp';
    return hostPort === undefined || port === undefined ? [] : [{ address, hostPort, port, protocol }];
  });
}

/** created, running, paused, restarting, removing, exited, dead. */
function stateOf(state: string | undefined): ContainerState {
  switch (state) {
    case 'running':
    case 'restarting':
      return 'running';
    case 'paused':
    case 'created':
      return state;
    default:
      return 'stopped';
  }
}

/** Kubernetes over Docker (cri-dockerd) and over podman writes who a container is into its labels. */
function podOf(labels: JsonObject): Pod | undefined {
  const name = text(labels, 'io.kubernetes.pod.name');
  if (name === undefined) return undefined;
  const uid = text(labels, 'io.kubernetes.pod.uid');
  return {
    namespace: text(labels, 'io.kubernetes.pod.namespace') ?? 'default',
    name,
    ...(uid !== undefined && { uid }),
    sandbox: text(labels, 'io.kubernetes.docker.type') === 'podsandbox',
  };
}

/** GET /containers/ID/json: the number of its first process, and the file that opens its namespace. */
export function parseInspection(json: unknown): Pick<Told, 'pid' | 'netnsPath'> {
  const entry = isObject(json) ? json : {};
  const pid = field(child(entry, 'State'), 'Pid');
  const key = text(child(entry, 'NetworkSettings'), 'SandboxKey');
  return {
    ...(typeof pid === 'number' && Number.isSafeInteger(pid) && pid > 0 && { pid }),
    ...(key?.startsWith('/') && { netnsPath: key }),
  };
}

/** GET /networks */
export function parseNetworks(json: unknown, runtime: Runtime): RuntimeNetwork[] {
  return objects(json)
    .slice(0, 1000)
    .flatMap((entry) => {
      const name = text(entry, 'Name') ?? text(entry, 'name');
      const id = text(entry, 'Id') ?? text(entry, 'id') ?? '';
      if (name === undefined) return [];
      const options = child(entry, 'Options');
      const driver = text(entry, 'Driver') ?? text(entry, 'driver') ?? '';
      // A bridge without a name of its own is called after the network's id.
      const made =
        driver === 'bridge' && /^[0-9a-f]{12}/.test(id) && runtime === 'docker' ? `br-${id.slice(0, 12)}` : undefined;
      const device =
        text(options, 'com.docker.network.bridge.name') ??
        text(entry, 'network_interface') ??
        text(options, 'parent') ??
        made;
      return [
        {
          runtime,
          name,
          id,
          driver,
          internal: flag(entry, 'Internal', flag(entry, 'internal', false)),
          ...(device !== undefined && { device }),
          subnets: objects(field(child(entry, 'IPAM'), 'Config')).flatMap((config) => {
            const subnet = text(config, 'Subnet');
            const gateway = text(config, 'Gateway');
            return subnet === undefined
              ? []
              : [{ subnet, ...(gateway !== undefined && gateway !== '' && { gateway }) }];
          }),
        },
      ];
    });
}

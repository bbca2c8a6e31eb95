/**
 * Names that runtimes leave in files, for when nobody answers on a socket: OCI bundles (config.json of the runtime
 * specification, with the annotations of containerd and CRI-O), the store of podman and CRI-O, Docker's own records, and the
 * directories of LXC. Each file is bounded, and only ids of hexadecimal digits ever become part of a path.
 */
import { closeSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { child, document, objects, strings, text } from '../topology/json.ts';
import type { Pod, Runtime, Told } from './container.ts';

const maxBytes = 4 * 1024 * 1024;
const isId = (id: string): boolean => /^[0-9a-f]{64}$/.test(id);

/** Where each kind of record is. Tests have them elsewhere. */
export interface RecordPlaces {
  /** `{}` stands for the id. */
  readonly bundles: readonly string[];
  readonly docker: string;
  readonly stores: readonly string[];
  readonly lxc: string;
}

export const RECORD_PLACES: RecordPlaces = {
  bundles: [
    '/run/containerd/io.containerd.runtime.v2.task/k8s.io/{}/config.json',
    '/run/containerd/io.containerd.runtime.v2.task/default/{}/config.json',
    '/run/containers/storage/overlay-containers/{}/userdata/config.json',
  ],
  docker: '/var/lib/docker/containers/{}/config.v2.json',
  stores: [
    '/var/lib/containers/storage/overlay-containers/containers.json',
    '/var/lib/containers/storage/overlay-containers/volatile-containers.json',
    '/run/containers/storage/overlay-containers/containers.json',
  ],
  lxc: '/var/lib/lxc',
};

/** What is recorded of a running container; undefined where nothing is. */
export function recordOf(id: string, runtime: Runtime, places: RecordPlaces = RECORD_PLACES): Told | undefined {
  if (!isId(id)) return undefined;
  if (runtime === 'docker' || runtime === 'unknown') {
    const name = text(child({ record: readJson(places.docker.replace('{}', id)) }, 'record'), 'Name');
    if (name !== undefined) return { runtime: 'docker', id, name: name.replace(/^\//, '') };
  }
  for (const place of places.bundles) {
    const told = parseBundle(readJson(place.replace('{}', id)), id, runtime);
    if (told) return told;
  }
  return undefined;
}

/** config.json of a bundle: the annotations name the pod and the container (CRI plugin of containerd, CRI-O, nerdctl). */
export function parseBundle(json: unknown, id: string, runtime: Runtime): Told | undefined {
  const config = child({ json }, 'json');
  const notes = child(config, 'annotations');
  const first = (...keys: string[]): string | undefined => keys.map((key) => text(notes, key)).find((value) => value);
  const podName = first('io.kubernetes.cri.sandbox-name', 'io.kubernetes.cri-o.KubeName', 'io.kubernetes.pod.name');
  const uid = first('io.kubernetes.cri.sandbox-uid', 'io.kubernetes.pod.uid');
  const type = first('io.kubernetes.cri.container-type', 'io.kubernetes.cri-o.ContainerType');
  const pod: Pod | undefined =
    podName === undefined
      ? undefined
      : {
          namespace:
            first(
              'io.kubernetes.cri.sandbox-namespace',
              'io.kubernetes.cri-o.Namespace',
              'io.kubernetes.pod.namespace',
            ) ?? 'default',
          name: podName,
          ...(uid !== undefined && { uid }),
          sandbox: type === 'sandbox',
        };
  const name = first('io.kubernetes.cri.container-name', 'io.kubernetes.container.name', 'nerdctl/name');
  const image = first('io.kubernetes.cri.image-name', 'io.kubernetes.cri-o.ImageName');
  if (!pod && name === undefined) return undefined;
  return {
    runtime,
    id,
    ...(name !== undefined && { name }),
    ...(pod && { pod }),
    ...(image !== undefined && { image }),
  };
}

/** All containers in the store that podman and CRI-O share (containers/storage). */
export function storedContainers(places: RecordPlaces = RECORD_PLACES): Told[] {
  return places.stores.flatMap((path) => parseStore(readJson(path)));
}

export function parseStore(json: unknown): Told[] {
  return objects(json)
    .slice(0, 20_000)
    .flatMap((entry) => {
      const id = text(entry, 'id');
      if (id === undefined || !isId(id)) return [];
      // The metadata are a JSON document in a string.
      const metadata = child({ metadata: document((text(entry, 'metadata') ?? '').slice(0, maxBytes)) }, 'metadata');
      const ofCrio = text(metadata, 'pod-name') !== undefined;
      const name = text(metadata, 'name') ?? strings(entry, 'names')[0];
      const image = text(metadata, 'image-name');
      const runtime: Runtime = ofCrio ? 'cri-o' : 'podman';
      return [
        { runtime, id, ...(name !== undefined && { name }), ...(image !== undefined && { image }), state: 'stopped' },
      ];
    });
}

/** LXC containers that are configured, running or not: each is a directory with a config. */
export function configuredLxc(places: RecordPlaces = RECORD_PLACES): Told[] {
  try {
    return readdirSync(places.lxc, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .slice(0, 1000)
      .map(({ name }) => ({ runtime: 'lxc', id: name, name, state: 'stopped' }));
  } catch {
    return [];
  }
}

function readJson(path: string): unknown {
  let fd: number | undefined;
  try {
    fd = openSync(path, 'r');
    const { size } = fstatSync(fd);
    if (size > maxBytes) return undefined;
    const bytes = new Uint8Array(size);
    return document(new TextDecoder().decode(bytes.subarray(0, readSync(fd, bytes))));
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** Kubernetes through `crictl pods -o json` and `crictl ps -a -o json` (the CRI's own client), for containerd and CRI-O. */
import { child, field, isObject, objects, text } from '../topology/json.ts';
import type { Pod, Runtime, Told } from './container.ts';
import { askJson } from './program.ts';

/** @throws Error with one line, when it does not answer in time */
export async function askCri(runtime: Runtime, timeoutMs: number): Promise<Told[]> {
  const [pods, containers] = await Promise.all([
    askJson('crictl', ['pods', '-o', 'json'], timeoutMs),
    askJson('crictl', ['ps', '-a', '-o', 'json'], timeoutMs),
  ]);
  return parseCri(pods, containers, runtime);
}

export function parseCri(podsJson: unknown, containersJson: unknown, runtime: Runtime): Told[] {
  const pods = new Map<string, Pod>();
  const told: Told[] = [];
  for (const item of objects(isObject(podsJson) ? field(podsJson, 'items') : undefined)) {
    const id = text(item, 'id');
    const metadata = child(item, 'metadata');
    const name = text(metadata, 'name');
    if (id === undefined || name === undefined) continue;
    const uid = text(metadata, 'uid');
    const pod = { namespace: text(metadata, 'namespace') ?? 'default', name, ...(uid !== undefined && { uid }) };
    pods.set(id, { ...pod, sandbox: false });
    const ready = text(item, 'state') === 'SANDBOX_READY';
    told.push({ runtime, id, name, pod: { ...pod, sandbox: true }, state: ready ? 'running' : 'stopped' });
  }
  for (const item of objects(isObject(containersJson) ? field(containersJson, 'containers') : undefined)) {
    const id = text(item, 'id');
    if (id === undefined) continue;
    const pod = pods.get(text(item, 'podSandboxId') ?? '');
    const name = text(child(item, 'metadata'), 'name');
    const image = text(child(item, 'image'), 'image');
    const state = text(item, 'state');
    told.push({
      runtime,
      id,
      ...(name !== undefined && { name }),
      ...(pod && { pod }),
      ...(image !== undefined && { image }),
      state: state === 'CONTAINER_RUNNING' ? 'running' : state === 'CONTAINER_CREATED' ? 'created' : 'stopped',
    });
  }
  return told;
}

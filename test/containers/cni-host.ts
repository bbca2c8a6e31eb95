/** A Kubernetes node for tests: real CNI plugins, called as a container runtime calls them, and pods that really run. */
import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { labEnvironment } from '../../src/lab/isolation.ts';
import { hostLacks, type RealHost, realHost } from './real-host.ts';

/** Debian's, and where the plugins' own archives are unpacked to. */
const pluginDirectory = ['/usr/lib/cni', '/opt/cni/bin'].find((path) => existsSync(`${path}/bridge`));

const programs = new Map([
  ['containerd', 'containerd'],
  ['ctr', 'containerd'],
  ['runc', 'runc'],
  ['iptables', 'iptables'],
]);

/** Why there is none here; undefined where containerd and the plugins are installed. */
export function cniLacks(): string | undefined {
  return pluginDirectory === undefined
    ? 'needs the CNI plugins (apt-get install containernetworking-plugins)'
    : hostLacks(programs);
}

/** A network configuration list (CNI specification, section 1): what lies in /etc/cni/net.d. */
export interface Conflist {
  readonly name: string;
  readonly plugins: readonly Plugin[];
}

export interface Plugin {
  readonly type: string;
  readonly capabilities?: Readonly<Record<string, boolean>>;
  readonly [key: string]: unknown;
}

export interface PodOptions {
  readonly portMappings?: readonly {
    readonly hostPort: number;
    readonly containerPort: number;
    readonly protocol: string;
  }[];
  /** What its container runs. Default: it sleeps. */
  readonly command?: string;
}

export interface Pod {
  /** The name of its namespace under /run/netns. */
  readonly netns: string;
  /** What the last plugin answered. */
  readonly result: { readonly ips?: readonly { readonly address: string }[] };
  /** As `crictl rmp -f`: the plugins in reverse order, then everything that lives in it. */
  remove(): Promise<void>;
}

export interface Node extends RealHost {
  /** As the kubelet makes a pod NAMESPACE/NAME with one container "app". */
  pod(name: string, network: Conflist, options?: PodOptions): Promise<Pod>;
  /** One call of every plugin of the list, in its order. */
  cni(command: 'ADD' | 'DEL', network: Conflist, netns: string, options?: PodOptions): Promise<Pod['result']>;
}

const cniVersion = '0.4.0';

export async function cniHost(): Promise<Node> {
  const host = await realHost('cni-host', readFileSync(new URL('cni-host.sh', import.meta.url), 'utf8'), {
    // Where a test may put a client of its own.
    PATH: `/run/bin:${labEnvironment().PATH ?? ''}`,
  });
  const parent = await host.sh('cat /run/cgroup-parent');

  const cni: Node['cni'] = async (command, { name, plugins }, netns, { portMappings } = {}) => {
    let prevResult: Pod['result'] | undefined;
    for (const { capabilities, ...plugin } of command === 'ADD' ? plugins : plugins.toReversed()) {
      const runtimeConfig = capabilities?.portMappings === true && portMappings ? { portMappings } : undefined;
      const config = {
        cniVersion,
        name,
        ...plugin,
        ...(runtimeConfig && { runtimeConfig }),
        ...(prevResult && { prevResult }),
      };
      const answer = await host.sh('printf %s "$CONF" | "$CNI_PATH/$PLUGIN"', {
        CONF: JSON.stringify(config),
        PLUGIN: plugin.type,
        CNI_COMMAND: command,
        CNI_CONTAINERID: netns,
        CNI_NETNS: `/run/netns/${netns}`,
        CNI_IFNAME: plugin.type === 'loopback' ? 'lo' : 'eth0',
        CNI_PATH: pluginDirectory ?? '',
      });
      if (command === 'ADD' && plugin.type !== 'loopback') prevResult = JSON.parse(answer);
    }
    return prevResult ?? {};
  };

  /** A container as containerd's CRI plugin makes it: its id, its cgroup, the annotations that say whose it is. */
  async function start(name: string, netns: string, uid: string, container: string | undefined, command: string) {
    const id = randomBytes(32).toString('hex');
    const [namespace = '', pod = ''] = name.split('/');
    const notes = {
      'container-type': container === undefined ? 'sandbox' : 'container',
      'sandbox-namespace': namespace,
      'sandbox-name': pod,
      'sandbox-uid': uid,
      ...(container !== undefined && { 'container-name': container, 'image-name': 'registry.example/busy:1' }),
    };
    const words = Object.entries(notes).map(([key, value]) => `--annotation io.kubernetes.cri.${key}=${value}`);
    await host.sh(
      `ctr -n k8s.io run -d --rootfs --with-ns network:/run/netns/${netns} ` +
        `--cgroup ${parent}/kubepods/burstable/pod${uid}/${id} ${words.join(' ')} /run/image ${id} ${command}`,
    );
    return id;
  }

  return {
    ...host,
    cni,
    async pod(name, network, options = {}) {
      const netns = `cni-${randomUUID()}`;
      const uid = randomUUID();
      await host.sh(`ip netns add ${netns}`);
      const result = await cni('ADD', network, netns, options);
      const ids = [
        await start(name, netns, uid, undefined, '/bin/sleep 3600'),
        await start(name, netns, uid, 'app', options.command ?? '/bin/sleep 3600'),
      ];
      return {
        netns,
        result,
        async remove() {
          await cni('DEL', network, netns, options);
          for (const id of ids)
            await host.sh(
              `ctr -n k8s.io task kill -s KILL ${id} || :; ctr -n k8s.io task rm -f ${id} || :; ctr -n k8s.io c rm ${id} || :`,
            );
          await host.sh(`ip netns del ${netns}`);
        },
      };
    },
  };
}

/** A daemon that answers on a Unix socket of the test's own, as well or as badly as the test wants. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface FakeDocker {
  readonly socket: string;
  /** As a user sets it. */
  readonly env: { readonly DOCKER_HOST: string };
  /** Paths it was asked for. */
  readonly asked: readonly string[];
  close(): Promise<void>;
}

export type Answer = (path: string, response: ServerResponse) => void;

export async function fakeDocker(answer: Answer): Promise<FakeDocker> {
  const directory = mkdtempSync(join(tmpdir(), 'vdiag-docker-'));
  const socket = join(directory, 'docker.sock');
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    answer(request.url ?? '', response);
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return {
    socket,
    env: { DOCKER_HOST: `unix://${socket}` },
    asked,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => {
          rmSync(directory, { recursive: true, force: true });
          resolve();
        });
      }),
  };
}

export interface FakeContainer {
  readonly id: string;
  readonly name: string;
  readonly pid?: number;
  readonly state?: string;
  readonly mode?: string;
}

/** Containers as the Engine API lists and shows them. */
export function containersAnswer(containers: readonly FakeContainer[]): Answer {
  return (path, response) => {
    const json = (value: unknown): void => {
      response.setHeader('Content-Type', 'application/json');
      response.end(JSON.stringify(value));
    };
    if (path.startsWith('/containers/json'))
      return json(
        containers.map(({ id, name, state = 'running', mode = 'bridge' }) => ({
          Id: id,
          Names: [`/${name}`],
          Image: 'busybox',
          Command: 'sleep',
          State: state,
          HostConfig: { NetworkMode: mode },
          NetworkSettings: { Networks: {} },
        })),
      );
    const wanted = /^\/containers\/([0-9a-f]+)\/json$/.exec(path)?.[1];
    const found = containers.find(({ id }) => id === wanted);
    if (found) return json({ Id: found.id, State: { Pid: found.pid ?? 0 }, NetworkSettings: { SandboxKey: '' } });
    if (path === '/networks') return json([]);
    response.statusCode = 404;
    response.end('{"message":"page not found"}');
  };
}

/** 64 hexadecimal digits. */
export function idOf(digit: string): string {
  return digit.repeat(64).slice(0, 64);
}

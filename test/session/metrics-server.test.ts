/** On loopback, in a network namespace of the test's own. */
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseListen, serveMetrics } from '../../src/session/metrics-server.ts';
import { mayMakeNamespaces, type OwnMachine, ownMachine } from '../linux/own-machine.ts';

describe('where it listens', () => {
  it.each([
    [':9469', { host: '127.0.0.1', port: 9469 }],
    ['9469', { host: '127.0.0.1', port: 9469 }],
    ['10.0.0.1:80', { host: '10.0.0.1', port: 80 }],
    ['[::1]:0', { host: '::1', port: 0 }],
  ])('%s', (text, address) => expect(parseListen(text)).toEqual(address));

  it.each(['', ':', 'web:80', '10.0.0.1', '10.0.0.300:80', ':65536', '::1:80', ':80/metrics'])('refuses %j', (text) =>
    expect(() => parseListen(text)).toThrow('not an address to listen on'),
  );
});

interface Answer {
  readonly status: number | undefined;
  readonly type: string | undefined;
  readonly body: string;
}

function ask(address: string, path: string, method = 'GET'): Promise<Answer> {
  const [host = '', port = ''] = address.split(':');
  return new Promise((resolve, reject) => {
    const asked = request({ host, port: Number(port), path, method, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        body += part;
      });
      response.on('end', () => resolve({ status: response.statusCode, type: response.headers['content-type'], body }));
    });
    asked.on('error', reject).end();
  });
}

describe.skipIf(!mayMakeNamespaces)('what it serves', () => {
  let machine: OwnMachine;
  beforeAll(() => {
    machine = ownMachine();
  });
  afterAll(() => machine.close());

  it('has the page made anew each time, at one path, for reading alone', async () => {
    let asked = 0;
    const server = await serveMetrics(
      { host: '127.0.0.1', port: 0 },
      'text/plain; version=0.0.4',
      () => `asked ${++asked}\n`,
    );
    try {
      expect(await ask(server.address, '/metrics')).toEqual({
        status: 200,
        type: 'text/plain; version=0.0.4',
        body: 'asked 1\n',
      });
      expect(await ask(server.address, '/metrics?x=1')).toMatchObject({ body: 'asked 2\n' });
      expect(await ask(server.address, '/metrics', 'HEAD')).toMatchObject({ status: 200, body: '' });
      expect(await ask(server.address, '/')).toMatchObject({ status: 404 });
      expect(await ask(server.address, '/metrics', 'POST')).toMatchObject({ status: 405 });
    } finally {
      server.close();
    }
    await expect(ask(server.address, '/metrics')).rejects.toThrow('ECONNREFUSED');
  });

  it('says it when something else listens there', async () => {
    const server = await serveMetrics({ host: '127.0.0.1', port: 0 }, 'text/plain', () => '');
    try {
      await expect(serveMetrics(parseListen(server.address), 'text/plain', () => '')).rejects.toThrow(
        `cannot listen on ${server.address}: something else listens there`,
      );
    } finally {
      server.close();
    }
  });
});

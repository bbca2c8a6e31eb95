/** Counters over HTTP, for Prometheus to fetch. */
import { createServer, type Server } from 'node:http';
import { isIP } from 'node:net';
import { VdiagError } from '../linux/error.ts';

export interface MetricsServer {
  /** "127.0.0.1:9100" */
  readonly address: string;
  close(): void;
}

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Whoever asks asks briefly. */
const MOST_CONNECTIONS = 16;
const TIMEOUT_MS = 5000;

/**
 * Reads `:9100` (loopback), `9100`, `10.0.0.1:9100` or `[::]:9100`; port 0 is any that is free.
 * @throws VdiagError usage
 */
export function parseListen(text: string): ListenAddress {
  const parts = /^(?:(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+))?:)?(\d{1,5})$/.exec(text);
  const host = parts?.[1] ?? parts?.[2] ?? '127.0.0.1';
  const port = Number(parts?.[3]);
  if (!parts || port > 65535 || isIP(host) === 0)
    throw new VdiagError('usage', `not an address to listen on: ${text}`, '--prometheus :9469 is loopback alone');
  return { host, port };
}

/**
 * Serves `/metrics` until it is closed. It is no secret which host asks, so only GET and HEAD are answered, and nothing is read.
 * @param page made anew for each request
 * @throws VdiagError usage when the address cannot be listened on
 */
export function serveMetrics(
  { host, port }: ListenAddress,
  contentType: string,
  page: () => string,
): Promise<MetricsServer> {
  const server = createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0];
    const found = path === '/metrics';
    const allowed = request.method === 'GET' || request.method === 'HEAD';
    const body = !allowed ? 'only GET and HEAD\n' : found ? page() : 'the counters are at /metrics\n';
    response.writeHead(!allowed ? 405 : found ? 200 : 404, {
      'content-type': found && allowed ? contentType : 'text/plain; charset=utf-8',
      'content-length': Buffer.byteLength(body),
      ...(allowed ? {} : { allow: 'GET, HEAD' }),
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  });
  server.maxConnections = MOST_CONNECTIONS;
  server.headersTimeout = TIMEOUT_MS;
  server.requestTimeout = TIMEOUT_MS;
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const reason = cause.code === 'EADDRINUSE' ? 'something else listens there' : cause.message;
      reject(new VdiagError('usage', `cannot listen on ${host}:${port}: ${reason}`, 'choose another port', { cause }));
    });
    server.listen(port, host, () => {
      server.on('error', () => undefined);
      resolve({ address: addressOf(server), close: () => closeServer(server) });
    });
  });
}

function addressOf(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === 'string') return String(address);
  return address.family === 'IPv6' ? `[${address.address}]:${address.port}` : `${address.address}:${address.port}`;
}

function closeServer(server: Server): void {
  server.close();
  server.closeAllConnections();
}

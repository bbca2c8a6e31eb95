/** One GET over a Unix socket, with an end to its size and time: what answers there may be anything. */

export interface GetOptions {
  /** For the whole answer. */
  readonly timeoutMs: number;
  /** More is not read. */
  readonly maxBytes: number;
}

/**
 * The JSON that `GET PATH` on the socket answers with status 200.
 * @throws Error with one line that says what went wrong: no such socket, refused, too slow, too much, no JSON
 */
export async function getJson(socketPath: string, path: string, { timeoutMs, maxBytes }: GetOptions): Promise<unknown> {
  // Loaded where there is a socket to ask: it costs a tenth of a small map's time.
  const { request } = await import('node:http');
  return new Promise((resolve, reject) => {
    const call = request(
      { socketPath, path, method: 'GET', headers: { Host: 'localhost', Accept: 'application/json' }, agent: false },
      (response) => {
        const chunks: Buffer[] = [];
        let length = 0;
        response.on('data', (chunk: Buffer) => {
          length += chunk.length;
          if (length > maxBytes) call.destroy(new Error(`answers with more than ${maxBytes} bytes`));
          else chunks.push(chunk);
        });
        response.on('error', reject);
        response.on('end', () => {
          if (response.statusCode !== 200) return reject(new Error(`answers with status ${response.statusCode}`));
          try {
            resolve(JSON.parse(Buffer.concat(chunks).toString('utf8')));
          } catch {
            reject(new Error('answers with something that is no JSON'));
          }
        });
      },
    );
    const timer = setTimeout(() => call.destroy(new Error(`does not answer within ${timeoutMs} ms`)), timeoutMs);
    call.on('error', reject);
    call.on('close', () => clearTimeout(timer));
    call.end();
  });
}

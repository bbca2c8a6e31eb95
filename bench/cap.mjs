/** The npm package cap on some interfaces: it counts the frames, and nothing else. */
import { createRequire } from 'node:module';

const [from = '', ...interfaces] = process.argv.slice(2);
const { Cap } = createRequire(from)('cap');
let frames = 0;
const sessions = interfaces.map((name) => {
  const session = new Cap();
  // Held: the package aborts when the buffer is collected.
  const buffer = Buffer.alloc(65535);
  session.open(name, '', 10 * 1024 * 1024, buffer);
  session.on('packet', () => frames++);
  return { session, buffer };
});
process.once('SIGINT', () => {
  for (const { session } of sessions) session.close();
  console.log(JSON.stringify({ frames, held: sessions.length }));
  process.exit(0);
});

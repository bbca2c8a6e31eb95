/** Before every test file: a warning of the process (a leak of listeners, a deprecation, an unclosed handle) fails it. */
import { afterAll } from 'vitest';

const warnings: Error[] = [];
process.on('warning', (warning) => warnings.push(warning));

afterAll(async () => {
  // Warnings come with the next tick.
  await new Promise((resolve) => setImmediate(resolve));
  if (warnings.length > 0) throw new AggregateError(warnings, `process warning: ${warnings.map(String).join('; ')}`);
});

import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/setup.ts'],
    // Namespaces are entered by setns(2), which counts for a thread: processes, not worker threads.
    pool: 'forks',
    testTimeout: 20_000,
    hookTimeout: 30_000,
    teardownTimeout: 10_000,
    // Labs wait more than they compute. More than this at a time are no faster on two cores, and delays begin to show.
    maxConcurrency: 6,
    dangerouslyIgnoreUnhandledErrors: false,
  },
});

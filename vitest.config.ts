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
    // Labs wait much more than they compute; more at a time and a busy machine shows delays that are no faults.
    maxConcurrency: 3,
    dangerouslyIgnoreUnhandledErrors: false,
  },
});

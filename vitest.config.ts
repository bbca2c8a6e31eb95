import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The labs wait more than they compute: they begin first, and everything else is done beside them. */
class LabsFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLabs = ({ moduleId }: TestSpecification): boolean => moduleId.endsWith('test/labs/labs.test.ts');
    return [...sorted.filter(isLabs), ...sorted.filter((file) => !isLabs(file))];
  }
}

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/setup.ts'],
    // Namespaces are entered by setns(2), which counts for a thread: processes, not worker threads.
    pool: 'forks',
    // Tests wait as well: for answers, for what does not come.
    maxWorkers: 3,
    sequence: { sequencer: LabsFirst },
    testTimeout: 20_000,
    hookTimeout: 30_000,
    teardownTimeout: 10_000,
    // Labs wait more than they compute.
    maxConcurrency: 12,
    dangerouslyIgnoreUnhandledErrors: false,
  },
});

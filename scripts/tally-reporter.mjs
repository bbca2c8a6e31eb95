/** A vitest reporter that counts: passed, failed, and every skipped test by name, with the reason where it gave one. */
import { writeFileSync } from 'node:fs';

export default class TallyReporter {
  onTestRunEnd(modules, unhandledErrors) {
    const tally = { passed: 0, failed: unhandledErrors.length, skipped: [] };
    for (const module of modules) {
      if (module.errors().length > 0) tally.failed += 1;
      for (const test of module.children.allTests()) {
        const result = test.result();
        if (result.state === 'passed') tally.passed += 1;
        else if (result.state === 'failed') tally.failed += 1;
        else
          tally.skipped.push(`${test.fullName}${result.note ? `: ${result.note}` : ''} (${module.relativeModuleId})`);
      }
    }
    if (process.env.VDIAG_TALLY) writeFileSync(process.env.VDIAG_TALLY, JSON.stringify(tally));
  }
}

/** A browser without a network: it runs in a network namespace of its own, and is spoken to through a pipe. */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Undefined where there is no Chromium, or none that may be locked up. */
export function findChromium(): string | undefined {
  const found = PLACES.find((path) => existsSync(path));
  return found !== undefined && spawnSync('unshare', ['-rn', 'true']).status === 0 ? found : undefined;
}

export interface LockedBrowser {
  readonly browser: Browser;
  close(): Promise<void>;
}

export async function openBrowser(chromium: string): Promise<LockedBrowser> {
  const directory = mkdtempSync(join(tmpdir(), 'vdiag-browser-'));
  const program = join(directory, 'chromium');
  writeFileSync(program, `#!/bin/sh\nexec unshare -rn --kill-child --fork ${chromium} "$@"\n`);
  chmodSync(program, 0o755);
  const { chromium: playwright } = await import('playwright-core');
  const browser = await playwright.launch({ executablePath: program });
  return {
    browser,
    async close() {
      await browser.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

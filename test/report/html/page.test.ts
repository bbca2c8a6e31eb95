/** The pages as a browser shows them: on a phone, a tablet and a screen, by day and by night, on paper. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { analysisHtml } from '../../../src/report/html/analysis-page.ts';
import { reportHtml } from '../../../src/report/html/page.ts';
import type { Report } from '../../../src/report/report.ts';
import { summariseProbes } from '../../../src/session/ping-verdict.ts';
import { diagnoseRecorded } from '../../../src/session/replay.ts';
import { recorded } from '../../diagnose/recordings.ts';
import { crowd, twoHosts } from '../analysis-scenes.ts';
import { findChromium, type LockedBrowser, openBrowser } from './browser.ts';

const chromium = findChromium();
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const WIDTHS = [360, 768, 1280];
const SCHEMES = ['light', 'dark'] as const;

// What is asked of the page, in the page.
const OVERFLOWING = `({
  page: document.documentElement.scrollWidth,
  elements: [...document.body.querySelectorAll('*')]
    .filter((element) => element.getBoundingClientRect().right > innerWidth + 0.5 && !element.closest('.drawing, .scroll'))
    .map((element) => element.outerHTML.slice(0, 80)),
})`;
const CUT_WORDS = `[...document.querySelectorAll('svg')].flatMap((svg) => {
  const { left, right } = svg.getBoundingClientRect();
  return [...svg.querySelectorAll('text')]
    .filter((text) => text.getBoundingClientRect().right > right + 0.5 || text.getBoundingClientRect().left < left - 0.5)
    .map((text) => text.textContent);
})`;
const AXE_FAULTS = `axe.run().then(({ violations }) =>
  violations.map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html.slice(0, 120))]))`;
const CLIPBOARD = `Object.defineProperty(navigator, 'clipboard', { value: { writeText: async (text) => { globalThis.copied = text; } } })`;
const TITLES = `[...document.querySelectorAll('svg .mark')].map((mark) => mark.closest('g')?.querySelector('title')?.textContent ?? '')`;

function reportOf(rule: string): Report {
  const { recording, frames } = recorded(rule);
  const { query } = recording;
  return {
    version: '0.1.0',
    command: 'ping-trace',
    target: { interface: query.start.name, address: query.destination, netns: query.start.netns },
    probes: { ...summariseProbes(recording.probes), sizeBytes: query.sizeBytes ?? 56 },
    diagnosis: diagnoseRecorded(recording, frames),
  };
}

const HOSTILE = '<img src=x onerror=alert(1)>"\'</style></script><script>alert(2)</script>\u202e\u0007';

/** Every text of a report with markup in it. */
function hostile<T>(value: T): T {
  const spoilt = (each: unknown, key: string): unknown => {
    if (typeof each === 'string')
      return ['text', 'title', 'summary', 'why', 'name'].includes(key) ? `${each}${HOSTILE}` : each;
    if (Array.isArray(each)) return each.map((item) => spoilt(item, key));
    if (typeof each !== 'object' || each === null || each instanceof Uint8Array) return each;
    return Object.fromEntries(Object.entries(each).map(([name, item]) => [name, spoilt(item, name)]));
  };
  const made = spoilt(value, '');
  return made as T;
}

const PAGES: Readonly<Record<string, () => string>> = {
  'a fault on a bridge': () => reportHtml(reportOf('bridge-port-owns-ip')),
  'twelve places': () => reportHtml(reportOf('vxlan-remote-wrong')),
  'lost time': () => reportHtml(reportOf('reply-slow')),
  IPv6: () => reportHtml(reportOf('address-tentative')),
  captures: () => analysisHtml(crowd(), '0.1.0'),
  'two captures': () => analysisHtml(twoHosts(), '0.1.0'),
  'hostile names': () => reportHtml(hostile(reportOf('filter-forward-drop'))),
};

describe.skipIf(chromium === undefined)('in Chromium', () => {
  let locked: LockedBrowser;
  beforeAll(async () => {
    locked = await openBrowser(chromium ?? '');
  }, 60_000);
  afterAll(() => locked.close());

  async function shown(source: string, width: number, colorScheme: (typeof SCHEMES)[number] = 'light'): Promise<Page> {
    const page = await locked.browser.newPage({ viewport: { width, height: 900 }, colorScheme });
    await page.setContent(source);
    return page;
  }

  describe.each(Object.entries(PAGES))('%s', (_, make) => {
    let page: Page;
    beforeAll(async () => {
      page = await shown(make(), 1280);
    }, 60_000);
    afterAll(() => page.close());

    it('has no word of a drawing cut off', async () => {
      expect(await page.evaluate(CUT_WORDS)).toEqual([]);
    });

    it.each(WIDTHS)('stays within %i pixels', async (width) => {
      await page.setViewportSize({ width, height: 900 });
      expect(await page.evaluate(OVERFLOWING)).toEqual({ page: width, elements: [] });
    });

    it.each(SCHEMES)('has no fault of accessibility that axe finds, %s', async (colorScheme) => {
      await page.emulateMedia({ colorScheme });
      await page.evaluate(AXE);
      expect(await page.evaluate(AXE_FAULTS)).toEqual([]);
    });
  });

  it('runs no script of a name, and loads nothing', async () => {
    const page = await locked.browser.newPage();
    const told: string[] = [];
    page.on('dialog', (dialog) => {
      told.push(dialog.message());
      void dialog.dismiss();
    });
    page.on('request', (request) => told.push(request.url()));
    page.on('pageerror', (error) => told.push(error.message));
    await page.setContent(PAGES['hostile names']?.() ?? '');
    await page.waitForLoadState();
    expect(await page.locator('img').count()).toBe(0);
    expect(await page.locator('script').count()).toBe(1);
    expect(told).toEqual([]);
    await page.close();
  });

  it('copies the commands as they stand', async () => {
    const page = await locked.browser.newPage();
    await page.addInitScript(CLIPBOARD);
    await page.goto('about:blank');
    await page.setContent(reportHtml(reportOf('bridge-port-owns-ip')));
    await page.getByRole('button', { name: 'Copy the commands' }).first().click();
    expect(await page.evaluate('copied')).toBe('ip addr del 1.2.3.101/24 dev veth0\nip addr add 1.2.3.101/24 dev br0');
    expect(await page.getByRole('button').first().textContent()).toBe('Copied');
    await page.close();
  });

  it('tells details of a mark where the pointer is', async () => {
    const page = await shown(reportHtml(reportOf('reply-slow')), 1280);
    const titles = await page.evaluate<string[]>(TITLES);
    await page.close();
    expect(titles.length).toBeGreaterThan(20);
    expect(titles.filter((title) => !/\d/.test(title) && title !== '')).toEqual([]);
    expect(titles.some((title) => /echo request/.test(title))).toBe(true);
    expect(titles.some((title) => /^\d+\.\d{3} ms$/.test(title))).toBe(true);
  });

  it('shows everything on paper, and no buttons', async () => {
    const page = await shown(reportHtml(reportOf('bridge-port-owns-ip')), 800, 'dark');
    await page.emulateMedia({ media: 'print' });
    expect(await page.locator('details table').isVisible()).toBe(true);
    expect(await page.getByRole('button').filter({ visible: true }).count()).toBe(0);
    expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe('rgb(255, 255, 255)');
    expect(await page.evaluate(`getComputedStyle(document.querySelector('h1')).color`)).toBe('rgb(0, 0, 0)');
    expect((await page.pdf()).length).toBeGreaterThan(10_000);
    await page.close();
  });
});

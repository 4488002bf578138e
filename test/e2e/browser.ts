import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Page } from 'playwright-core';

/** Debian's Chromium with a profile of its own, which speaks to nobody but the page. */
export async function openBrowser(): Promise<{ page: Page; hosts: ReadonlySet<string>; close(): Promise<void> }> {
  const profile = mkdtempSync(join(tmpdir(), 'edge-train-browser-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: '/usr/bin/chromium',
    headless: true,
    viewport: { width: 1300, height: 960 },
    timezoneId: 'UTC',
    args: [
      ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
      ...['--disable-background-networking', '--disable-component-update'],
    ],
  });
  const page = await context.newPage();
  page.setDefaultTimeout(120_000); // two cores, and other tests beside it
  const hosts = new Set<string>();
  page.on('request', (request) => hosts.add(new URL(request.url()).host));
  return {
    page,
    hosts,
    close: async () => {
      await context.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}

import { onPath } from './system-packages.mjs';

/** What is missing to look at web pages in tests. */
export function missingChromium() {
  const why = 'a browser, for the tests that look at the Temporal UI';
  return onPath('chromium') ? [] : [{ program: 'chromium', packages: ['chromium'], why }];
}

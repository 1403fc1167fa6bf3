import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { lowContrast } from './contrast.ts';
import { Emulator } from './emulator.ts';
import { Visitor, launch } from './visitor.ts';

const emulator = new Emulator();
const url = emulator.output('PreviewUrl');
let browser: Browser;
let visitor: Visitor;

beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

beforeEach(async () => {
  visitor = await Visitor.come(browser);
});
afterEach(async () => {
  await emulator.faults();
  await visitor.leave();
});

/** The browser itself says on the console that an answer was missing or no success; everything else is the page's mistake. */
function expectOnlyNetworkComplaints(): void {
  expect(visitor.complaints.filter((text) => !text.startsWith('console: Failed to load resource'))).toEqual([]);
}

async function readableAs(name: string): Promise<void> {
  await visitor.picture(name);
  for (const colorScheme of ['light', 'dark'] as const) {
    await visitor.page.emulateMedia({ colorScheme });
    expect(await lowContrast(visitor.page), colorScheme).toEqual([]);
  }
}

describe('without its configuration', () => {
  // CloudFront answers with the page for every file that is not there, and the browser does not run it as a script.
  const missing = [
    ['is missing', { status: 404, contentType: 'text/plain', body: '' }],
    ['is the page', { status: 200, contentType: 'text/html', body: '<!doctype html><title>Preview</title>' }],
    ['lacks a URL', { status: 200, contentType: 'text/javascript', body: 'window.__PREVIEW_API_URL__ = "https://a.example";' }],
  ] as const;

  test.each(missing)('the page says so, where config.js %s', async (_how, answer) => {
    await visitor.page.route('**/config.js', (route) => route.fulfill(answer));
    await visitor.page.goto(url);
    const alert = visitor.page.getByRole('alert');
    await alert.waitFor();
    expect(await alert.innerText()).toContain('/config.js is missing');
    expect(await alert.innerText()).toContain('Reload in a minute');
    expect(await visitor.button('Submit Job').isDisabled()).toBe(true);
    expect(await visitor.button('Submit Failing Job').isDisabled()).toBe(true);
    await readableAs('no-config');
  });
});

describe('when the API is down', () => {
  beforeEach(async () => {
    await emulator.faults({ operation: 'GET /hello', fault: { kind: 'disconnect', commit: 'before' } });
    await visitor.page.goto(url);
    await visitor.page.locator('#greeting .error').waitFor();
  });

  test('the page says so, and greets when it is asked again', async () => {
    expect(await visitor.page.locator('#greeting').innerText()).toContain(`There is no answer from ${emulator.output('ApiUrl')}`);
    await readableAs('api-down');
    await emulator.faults();
    await visitor.button('Ask again').click();
    await visitor.page.locator('.greeting').waitFor();
    expectOnlyNetworkComplaints();
  });

  test('a job is not said to be refused, since it may have arrived', async () => {
    await emulator.faults({ operation: 'POST /jobs', fault: { kind: 'disconnect', commit: 'after' } });
    await visitor.button('Submit Job').click();
    expect(await visitor.settled()).toBe('not confirmed');
    expect(await visitor.jobs.first().innerText()).toContain('There is no answer from');
    await emulator.faults();
    await visitor.button('Submit Job').click();
    await visitor.jobs.nth(1).waitFor();
    expect(await visitor.settled()).toBe('on the queue');
    expectOnlyNetworkComplaints();
  });
});

describe('what the API answers', () => {
  beforeEach(async () => {
    await visitor.page.goto(url);
    await visitor.page.locator('.greeting').waitFor();
  });

  test('is told in its own words when it refuses a job', async () => {
    await visitor.task.fill('   ');
    await visitor.button('Submit Job').click();
    expect(await visitor.settled()).toBe('refused');
    expect(await visitor.jobs.first().innerText()).toContain('400 invalid_field: task must not be empty');
    expect(await visitor.task.getAttribute('aria-invalid')).toBe('true');
    await readableAs('refused');
    await visitor.task.fill('Something');
    expect(await visitor.task.getAttribute('aria-invalid')).toBeNull();
    expectOnlyNetworkComplaints();
  });

  test('is told when its queue did not take the job', async () => {
    await emulator.faults({
      operation: 'SendMessage',
      fault: { kind: 'error', status: 403, code: 'AccessDeniedException', message: 'no', commit: 'before' },
    });
    await visitor.button('Submit Job').click();
    expect(await visitor.settled()).toBe('not confirmed');
    const told = await visitor.jobs.first().innerText();
    expect(told).toContain('503 queue_unavailable: the queue did not confirm the job');
    expect(told).toContain('Try again in a few seconds.');
    expect(await visitor.page.locator('#announcement').innerText()).toContain('not confirmed');
    expectOnlyNetworkComplaints();
  });

  test('is told when API Gateway answers in place of the function', async () => {
    await emulator.faults({ operation: 'Invoke', function: '*Submit*', fault: { kind: 'crash', at: 'before-effect' } });
    await visitor.button('Submit Job').click();
    expect(await visitor.settled()).toBe('not confirmed');
    const told = await visitor.jobs.first().innerText();
    expect(told).toContain('answered 500: Internal Server Error');
    expect(told).toContain('The function behind it may have failed; see its log.');
    expectOnlyNetworkComplaints();
  });

  test('is told when it is no JSON', async () => {
    await visitor.page.route('**/jobs', (route) => route.fulfill({ status: 200, contentType: 'text/html', body: '<p>hello' }));
    await visitor.button('Submit Job').click();
    await visitor.settled();
    expect(await visitor.jobs.first().innerText()).toContain('answered 200, but not with JSON');
  });

  test('is not there when the API lets only others call it', async () => {
    await visitor.page.route('**/hello', (route) =>
      route.fulfill({ status: 200, contentType: 'application/json', body: '{}', headers: { 'access-control-allow-origin': 'https://other.example' } }),
    );
    await visitor.button('Ask again').click();
    await visitor.page.locator('#greeting .error').waitFor();
    expect(await visitor.page.locator('#greeting').innerText()).toContain('does not allow this page’s origin');
  });

  test('is waited for, and not indefinitely', async () => {
    // The page's patience ends at once, and what it asked for is told.
    await visitor.page.evaluate(() => {
      AbortSignal.timeout = (milliseconds) =>
        AbortSignal.abort(new DOMException(`after ${milliseconds} ms`, 'TimeoutError'));
    });
    await visitor.button('Submit Failing Job').click();
    expect(await visitor.settled()).toBe('not confirmed');
    expect(await visitor.jobs.first().innerText()).toContain('did not answer within 15 seconds');
  });
});

test('without scripts, the page says that it needs them', async () => {
  const plain = await Visitor.arrive(browser, url, { javaScriptEnabled: false });
  expect(await plain.page.locator('body').innerText()).toContain('This page needs JavaScript');
  await plain.leave();
});

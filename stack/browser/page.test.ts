import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { lowContrast, ratio } from './contrast.ts';
import { Emulator } from './emulator.ts';
import { Visitor, launch } from './visitor.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const PHONE = { width: 390, height: 844 };

const emulator = new Emulator();
const url = emulator.output('PreviewUrl');
let browser: Browser;
let visitor: Visitor;

beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

describe('a visitor', () => {
  beforeEach(async () => {
    visitor = await Visitor.arrive(browser, url);
  });
  afterEach(async () => {
    visitor.expectNoComplaints();
    await visitor.leave();
  });

  test('is greeted by the API, which is another origin', async () => {
    await visitor.page.locator('.greeting').waitFor();
    expect(new URL(emulator.output('ApiUrl')).origin).not.toBe(new URL(url).origin);
    expect(await visitor.page.title()).toBe('Preview of PR 123');
    expect(await visitor.page.locator('#pr').innerText()).toBe('PR 123');
    expect(await visitor.page.locator('#version').innerText()).toMatch(/^version \S/);
    await visitor.button('Ask again').click();
    await visitor.page.getByText(/^Answered in \d+ ms\.$/).waitFor();
  });

  test('submits a job and sees what happened', async () => {
    await visitor.task.fill('Water the plants');
    await visitor.button('Submit Job').click();
    expect(await visitor.settled()).toBe('on the queue');
    const facts = await visitor.facts();
    expect(facts).toEqual({
      Status: '202',
      'Job id': expect.stringMatching(UUID),
      'Message id': expect.stringMatching(UUID),
      Latency: expect.stringMatching(/^\d+ ms$/),
    });
    expect(await visitor.jobs.first().innerText()).toContain('the worker takes it within seconds');
    expect(await visitor.page.locator('#announcement').innerText()).toBe(
      `Water the plants: on the queue, job id ${facts['Job id']}`,
    );
  });

  test('submits a failing job, whose message the dead-letter queue has in the end', async () => {
    await visitor.task.fill('Divide by zero');
    await visitor.button('Submit Failing Job').click();
    expect(await visitor.settled()).toBe('on the queue');
    const facts = await visitor.facts();
    expect(await emulator.deadLetter(facts['Message id'] ?? '')).toEqual({
      task: 'Divide by zero',
      fail: true,
      jobId: facts['Job id'],
    });
  });

  test('sees the newest job first', async () => {
    for (const task of ['first', 'second']) {
      await visitor.task.fill(task);
      await visitor.button('Submit Job').click();
      await visitor.settled();
    }
    expect(await visitor.jobs.locator('.task').allInnerTexts()).toEqual(['second', 'first']);
  });

  test('writes what looks like markup, and sees it as text', async () => {
    const task = '<img src=x onerror=alert(1)> & <b>bold</b>';
    await visitor.task.fill(task);
    await visitor.button('Submit Job').click();
    await visitor.settled();
    expect(await visitor.jobs.first().locator('.task').innerText()).toBe(task);
    expect(await visitor.jobs.locator('img, b').count()).toBe(0);
  });

  test('who uses the keyboard alone gets everywhere, and sees where', async () => {
    await visitor.page.locator('.greeting').waitFor();
    const focused = () => visitor.page.evaluate(() => document.activeElement?.id || document.activeElement?.textContent);
    const path: unknown[] = [];
    for (let key = 0; key < 4; key += 1) {
      await visitor.page.keyboard.press('Tab');
      path.push(await focused());
      const outline = await visitor.page.evaluate(() => getComputedStyle(document.activeElement as Element).outlineStyle);
      expect(outline, String(path.at(-1))).toBe('solid');
    }
    expect(path).toEqual(['greet-again', 'task', 'Submit Job', 'Submit Failing Job']);
    await visitor.page.keyboard.press('Enter');
    await visitor.settled();
    expect(await focused(), 'the focus comes back to the button').toBe('Submit Failing Job');
    // Enter in the field is the first button.
    await visitor.task.press('Enter');
    await visitor.jobs.nth(1).waitFor();
    await visitor.settled();
    expect(await visitor.jobs.first().locator('.task').innerText()).not.toContain('(to fail)');
  });

  test('who listens finds everything by its role and name', async () => {
    await visitor.page.locator('.greeting').waitFor();
    await visitor.button('Submit Failing Job').click();
    await visitor.settled();
    const tree = await visitor.page.locator('body').ariaSnapshot();
    for (const part of [
      '- heading "Preview" [level=1]',
      '- region "Greeting":',
      '- region "Jobs":',
      '- textbox "Task"',
      '- button "Submit Job"',
      '- button "Submit Failing Job"',
      '- list "Jobs":',
      '- timer:',
      '- progressbar "time until the dead-letter queue"',
    ]) {
      expect(tree).toContain(part);
    }
    expect(await visitor.page.locator('html').getAttribute('lang')).toBe('en');
    const live = visitor.page.locator('[role=status], [aria-live]');
    expect(await live.evaluateAll((all) => all.map(({ id }) => id))).toEqual(['greeting', 'announcement']);
  });
});

describe('a configuration that somebody wrote by hand', () => {
  const [hello, jobs] = [emulator.output('ApiUrl'), emulator.output('JobUrl')];
  const job = `window.__PREVIEW_JOB_URL__ = '${jobs}';\n`;
  const api = (value: string) => `${job}window.__PREVIEW_API_URL__ = '${value}';\n`;

  test.each([
    ['the job URL alone, as the tutorial writes it', job, hello],
    ['a job URL with a query', job.replace("';", "?stage=a';"), `${hello}?stage=a`],
    ["hello's URL, as the output has it", api(hello), hello],
    ['the base URL of the API', api(hello.replace(/hello$/, '')), hello],
    ['the base URL with a query', api(hello.replace(/\/hello$/, '?stage=a')), `${hello}?stage=a`],
  ])('may hold %s', async (_what, body, asked) => {
    visitor = await Visitor.come(browser);
    await visitor.page.route('**/config.js', (route) => route.fulfill({ contentType: 'application/javascript', body }));
    const request = visitor.page.waitForRequest(/\/hello/);
    await visitor.page.goto(url);
    expect((await request).url()).toBe(asked);
    await visitor.page.locator('.greeting').waitFor();
    await visitor.button('Submit Job').click();
    expect(await visitor.settled()).toBe('on the queue');
    visitor.expectNoComplaints();
    await visitor.leave();
  });
});

test('the page is opened with the number of its pull request, as the output has it', () => {
  expect(new URL(url).search).toBe('?pr=123');
});

test('contrast is measured, and low contrast found', async () => {
  expect(ratio('rgb(0, 0, 0)', 'rgb(255, 255, 255)')).toBeCloseTo(21);
  // The lightest grey that is readable on white.
  expect(ratio('rgb(118, 118, 118)', 'rgb(255, 255, 255)')).toBeGreaterThan(4.5);
  expect(ratio('rgb(119, 119, 119)', 'rgb(255, 255, 255)')).toBeLessThan(4.5);
  visitor = await Visitor.come(browser);
  await visitor.page.setContent('<p>dark</p><p style="color: #777">grey</p><div style="background: #222">hidden</div>');
  expect(await lowContrast(visitor.page)).toEqual([
    'grey: rgb(119, 119, 119) on rgb(255, 255, 255), 4.48 < 4.5',
    expect.stringContaining('hidden: '),
  ]);
  await visitor.leave();
});

describe('what to expect of a failing job', () => {
  const countdown = () => visitor.page.getByRole('timer').innerText();
  const due = () => visitor.jobs.first().locator('.steps .due strong').allInnerTexts();

  beforeEach(async () => {
    visitor = await Visitor.come(browser);
    // The page's time, which the test moves; the stack's is its own.
    await visitor.page.clock.install();
    await visitor.page.goto(url);
    await visitor.button('Submit Failing Job').click();
    await visitor.settled();
    await visitor.page.clock.pauseAt(Date.now() + 3_600_000);
  });
  afterEach(async () => {
    visitor.expectNoComplaints();
    await visitor.leave();
  });

  test('is counted down: three receives, then the dead-letter queue', async () => {
    // The pause has jumped over the first job's future; this one is submitted while time stands.
    await visitor.button('Submit Failing Job').click();
    await visitor.jobs.nth(1).waitFor();
    await visitor.settled();
    expect(await visitor.jobs.first().innerText()).toContain(
      'three receives, then the dead-letter queue, about 180 seconds from now',
    );
    const timer = visitor.jobs.first().getByRole('timer');
    const seen = [await timer.innerText()];
    const steps = [(await due()).length];
    for (const seconds of [1, 59, 60, 59, 1]) {
      await visitor.page.clock.runFor(seconds * 1000);
      seen.push(await timer.innerText());
      steps.push((await due()).length);
    }
    expect(seen).toEqual([
      'Next: receive 2 of 3 in 1:00',
      'Next: receive 2 of 3 in 0:59',
      'Next: receive 3 of 3 in 1:00',
      'Next: dead-letter queue in 1:00',
      'Next: dead-letter queue in 0:01',
      'By now, the message is in the dead-letter queue.',
    ]);
    expect(steps).toEqual([1, 1, 2, 3, 3, 4]);
    expect(await visitor.page.locator('#announcement').innerText()).toContain('is in the dead-letter queue');
  });

  test('has passed for somebody who comes back to the page later', async () => {
    expect(await countdown()).toBe('By now, the message is in the dead-letter queue.');
    expect(await due()).toEqual(['receive 1 of 3', 'receive 2 of 3', 'receive 3 of 3', 'dead-letter queue']);
  });
});

describe.each(['light', 'dark'] as const)('in the %s', (colorScheme) => {
  test.each([
    ['desktop', { width: 1000, height: 900 }],
    ['phone', PHONE],
  ])('the page on a %s is readable, and fits', async (name, viewport) => {
    visitor = await Visitor.arrive(browser, url, { colorScheme, viewport, deviceScaleFactor: 2 });
    await visitor.page.locator('.greeting').waitFor();
    await visitor.button('Submit Job').click();
    await visitor.settled();
    await visitor.task.fill('A task with a name that is long enough to need more than one line on any phone, and then some');
    await visitor.button('Submit Failing Job').click();
    await visitor.jobs.nth(1).waitFor();
    await visitor.settled();
    await visitor.picture(`page-${name}-${colorScheme}`);
    expect(await lowContrast(visitor.page)).toEqual([]);
    expect(await visitor.sideways()).toBe(0);
    for (const button of await visitor.page.getByRole('button').all()) {
      // A finger needs room: WCAG 2.2, success criterion 2.5.8.
      expect((await button.boundingBox())?.height).toBeGreaterThanOrEqual(24);
    }
    visitor.expectNoComplaints();
    await visitor.leave();
  });
});

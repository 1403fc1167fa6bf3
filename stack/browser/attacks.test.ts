import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { AUTHORIZATION, Emulator, required } from './emulator.ts';
import { launch } from './visitor.ts';

/** Statuses by which a request is turned away. */
const REFUSED = [401, 403, 405, 421];

const emulator = new Emulator();
const endpoint = emulator.endpoint;
const port = new URL(endpoint).port;
const ally = required('VERIFIER_BROWSER_ALLY');

let attacker: Server;
let attackerPort: number;
let browser: Browser;
let context: BrowserContext;
let page: Page;
let answers: { url: string; status: number }[];
let before: number[];

/** A stack whose function is a shell. */
const template = JSON.stringify({
  Resources: {
    Evil: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'evil' } },
    Shell: {
      Type: 'AWS::Lambda::Function',
      Metadata: { 'verifier:binary': '/bin/bash' },
      Properties: { FunctionName: 'evil', Runtime: 'provided.al2023', Handler: 'x', Role: 'r', Code: { ZipFile: 'x' } },
    },
  },
});
const create = { Action: 'CreateStack', Version: '2010-05-15', StackName: 'evil', TemplateBody: template };
const remove = `/?Action=DeleteStack&Version=2010-05-15&StackName=${emulator.stackName}`;

/** Opens WebSockets to the stack's HTTP API again and again. */
const SOCKETS = `
  const open = () => {
    const socket = new WebSocket('${emulator.output('ApiUrl').replace('http:', 'ws:')}');
    socket.onclose = () => setTimeout(open, 1);
  };
  for (let i = 0; i < 60; i += 1) open();
`;
/** How many frames do so: a browser lets the sockets of one site wait. */
const FRAMES = 16;

beforeAll(async () => {
  attacker = createServer((request, response) => {
    const sockets = request.url === '/sockets' ? `<script>${SOCKETS}</script>` : '';
    response.writeHead(200, { 'content-type': 'text/html' }).end(`<!doctype html><title>free kittens</title>${sockets}`);
  });
  await new Promise<void>((resolve) => attacker.listen(0, '127.0.0.1', resolve));
  attackerPort = (attacker.address() as AddressInfo).port;
  // One name leads to this machine whatever the port, as when the attacker's DNS says so; the ally's leads to its page.
  const ally = `MAP ally.example 127.0.0.1:${attackerPort}`;
  browser = await launch(`--host-resolver-rules=MAP evil.example 127.0.0.1,${ally}`);
});
afterAll(async () => {
  await browser.close();
  attacker.close();
});

beforeEach(async () => {
  context = await browser.newContext();
  page = await context.newPage();
  answers = [];
  context.on('response', (response) => answers.push({ url: response.url(), status: response.status() }));
  before = [await emulator.messages('JobsQueueName'), await emulator.messages('JobsDeadLetterQueueName')];
});

// Whatever a page has tried is still open meanwhile: a connection of its own may not hold the clock.
afterEach(async () => {
  try {
    expect(await emulator.stacks()).toEqual([emulator.stackName]);
    await emulator.sleep(3600, 20_000);
    expect([await emulator.messages('JobsQueueName'), await emulator.messages('JobsDeadLetterQueueName')]).toEqual(before);
  } finally {
    await context.close();
  }
});

/** Asserts that the emulator was asked and turned everything away. */
function expectRefused(): void {
  const ofEmulator = answers.filter(({ url }) => new URL(url).port === port);
  expect(ofEmulator).not.toEqual([]);
  expect(ofEmulator.filter(({ status }) => !REFUSED.includes(status))).toEqual([]);
}

/** How a fetch in the page ended: with its status, opaque, or not at all. */
function fetched(url: string, init: RequestInit): Promise<string> {
  return page.evaluate(
    async ([url, init]) => {
      try {
        const response = await fetch(url, init);
        return response.type === 'opaque' ? 'opaque' : String(response.status);
      } catch {
        return 'failed';
      }
    },
    [url, init] as const,
  );
}

const sqs = {
  authorization: AUTHORIZATION,
  'content-type': 'application/x-amz-json-1.0',
  'x-amz-target': 'AmazonSQS.SendMessage',
};
const message = () => JSON.stringify({ QueueUrl: emulator.output('JobsQueueName'), MessageBody: 'evil' });

const origins: [string, () => string][] = [
  ['another port of the same address', () => `http://127.0.0.1:${attackerPort}/`],
  ['another port of localhost', () => `http://localhost:${attackerPort}/`],
  ['another site', () => `http://evil.example:${attackerPort}/`],
];

describe.each(origins)('a page of %s', (_name, url) => {
  beforeEach(() => page.goto(url()));

  test.each(['application/x-www-form-urlencoded', 'multipart/form-data', 'text/plain'])(
    'creates no stack by a form that submits itself as %s',
    async (enctype) => {
      const targets = [
        ['127.0.0.1', 'hidden'],
        ['localhost', 'hidden'],
        ['127.0.0.1', '_self'],
      ];
      for (const [host, target] of targets) {
        const answered = page.waitForResponse((response) => new URL(response.url()).port === port);
        await page.evaluate(
          ([action, enctype, target, fields]) => {
            const form = Object.assign(document.createElement('form'), { action, enctype, target, method: 'post' });
            for (const [name, value] of Object.entries(fields)) {
              form.append(Object.assign(document.createElement('input'), { name, value }));
            }
            const frame = Object.assign(document.createElement('iframe'), { name: 'hidden' });
            document.body.replaceChildren(frame, form);
            form.submit();
          },
          [`http://${host}:${port}/`, enctype, target ?? '', create] as const,
        );
        await answered;
      }
      expectRefused();
    },
  );

  test('reaches nothing by requests that need no preflight', async () => {
    const body = new URLSearchParams(create).toString();
    for (const type of ['application/x-www-form-urlencoded', 'text/plain']) {
      const init = { method: 'POST', mode: 'no-cors', credentials: 'include', headers: { 'content-type': type }, body } as const;
      expect(await fetched(`${endpoint}/`, init)).toBe('opaque');
    }
    expect(await fetched(`${endpoint}${remove}`, { mode: 'no-cors' })).toBe('opaque');
    expect(await fetched(`${endpoint}/_emulator/client`, { mode: 'no-cors' })).toBe('opaque');
    expect(await fetched(`${endpoint}/?X-Amz-Signature=0&X-Amz-Credential=AKIA`, { method: 'POST', mode: 'no-cors', body })).toBe('opaque');
    await page.evaluate(([url, body]) => navigator.sendBeacon(url, body), [`${endpoint}/`, body] as const);
    expectRefused();
  });

  test('gets no preflight answered', async () => {
    expect(await fetched(`${endpoint}/`, { method: 'POST', headers: sqs, body: message() })).toBe('failed');
    expect(await fetched(`http://localhost:${port}/`, { method: 'POST', headers: sqs, body: message() })).toBe('failed');
    expect(await fetched(`${endpoint}/_emulator/faults`, { method: 'PUT', body: '{}' })).toBe('failed');
    expect(await fetched(`${endpoint}/_emulator/client`, { headers: { 'x-verifier-token': '0' } })).toBe('failed');
  });

  test('changes nothing by pictures, scripts, frames and streams', async () => {
    await page.evaluate(
      async (urls) => {
        const ended = (element: HTMLElement) =>
          new Promise<void>((resolve) => {
            element.addEventListener('load', () => resolve());
            element.addEventListener('error', () => resolve());
            document.body.append(element);
          });
        for (const url of urls) {
          await ended(Object.assign(new Image(), { src: url }));
          await ended(Object.assign(document.createElement('script'), { src: url }));
          await ended(Object.assign(document.createElement('iframe'), { src: url }));
          const source = new EventSource(url);
          await new Promise((resolve) => source.addEventListener('error', resolve));
          source.close();
        }
      },
      [`${endpoint}${remove}`, `${endpoint}/_emulator/client`],
    );
    expectRefused();
  });

  test('opens no WebSocket', async () => {
    const ended = await page.evaluate(
      (urls) =>
        Promise.all(
          urls.map(
            (url) =>
              new Promise<string>((resolve) => {
                const socket = new WebSocket(url);
                socket.addEventListener('open', () => resolve('open'));
                socket.addEventListener('error', () => resolve('failed'));
              }),
          ),
        ),
      [`ws://127.0.0.1:${port}/`, `ws://127.0.0.1:${port}/_emulator/client`, `ws://localhost:${port}/_emulator/client`],
    );
    expect(ended).toEqual(['failed', 'failed', 'failed']);
  });

  test('holds no clock by WebSockets', async () => {
    const loaded = await page.evaluate(
      ([port, frames]) =>
        Promise.all(
          Array.from({ length: frames }, (_, i) => {
            const frame = Object.assign(document.createElement('iframe'), { src: `http://x${i}.localhost:${port}/sockets` });
            document.body.append(frame);
            return new Promise<string>((resolve) => frame.addEventListener('load', () => resolve('loaded')));
          }),
        ),
      [attackerPort, FRAMES] as const,
    );
    expect(loaded).toHaveLength(FRAMES);
  });

  test('leads nobody to the emulator’s own endpoint', async () => {
    for (const target of [`${endpoint}/_emulator/client`, `http://localhost:${port}/_emulator/client`]) {
      await page.goto(url());
      await Promise.all([page.waitForURL(target), page.evaluate((target) => location.assign(target), target)]);
    }
    expectRefused();
  });
});

test('a name that was made to lead here is no name for anything', async () => {
  const rebound = `http://evil.example:${port}/`;
  expect((await page.goto(rebound))?.status()).toBe(421);
  // The browser takes what it shows for a page of the same origin as the emulator.
  expect(await fetched(rebound, { method: 'POST', headers: sqs, body: message() })).toBe('421');
  expect(await fetched(`${rebound}?Action=CreateStack`, { method: 'POST', body: new URLSearchParams(create).toString() })).toBe('421');
  expect(await fetched(`${rebound}_emulator/client`, { headers: { 'x-verifier-token': '0' } })).toBe('421');
  expectRefused();
});

test('what the stack’s API answers is of the same origin, and gets nowhere', async () => {
  expect((await page.goto(`${emulator.output('ApiUrl').replace(/\/hello$/, '')}/hello`))?.status()).toBe(200);
  answers = [];
  expect(await fetched(`${endpoint}/`, { method: 'POST', headers: sqs, body: message() })).toBe('403');
  expect(await fetched(`${endpoint}/2015-03-31/functions/`, { headers: { authorization: AUTHORIZATION } })).toBe('403');
  expect(await fetched(`${endpoint}/_emulator/client`, { headers: { 'x-verifier-token': '0' } })).toBe('403');
  expectRefused();
});

test('the stack’s page is not the user', async () => {
  const site = emulator.output('PreviewUrl');
  expect((await page.goto(site))?.status()).toBe(200);
  await page.locator('.greeting').waitFor();
  // It may say in its policy whom it asks; what it could ask here answers it all the same.
  await page.goto('about:blank');
  await page.route(`http://localhost:${port}/bare`, (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html>' }));
  await page.goto(`http://localhost:${port}/bare`);
  answers = [];
  expect(await fetched('/', { method: 'POST', headers: sqs, body: message() })).toBe('403');
  expect(await fetched('/_emulator/client', { headers: { 'x-verifier-token': '0' } })).toBe('403');
  expectRefused();
  expect(await fetched(`${endpoint}/`, { method: 'POST', headers: sqs, body: message() })).toBe('failed');
});

test('a page of an allowed origin asks AWS’s services, and signs', async () => {
  await page.goto(ally);
  const list = { ...sqs, 'x-amz-target': 'AmazonSQS.ListQueues' };
  expect(await fetched(`${endpoint}/`, { method: 'POST', headers: list, body: '{}' })).toBe('200');
  const { authorization: _, ...unsigned } = list;
  expect(await fetched(`${endpoint}/`, { method: 'POST', headers: unsigned, body: '{}' })).toBe('failed');
  expect(await fetched(`${endpoint}/_emulator/faults`, { method: 'PUT', body: '{}' })).toBe('failed');
});

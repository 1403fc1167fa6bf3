'use strict';

/** How long the page waits for an answer before it says that there is none. */
const ANSWER_TIMEOUT_SECONDS = 15;

/**
 * What the queue does with a job that always fails: it shows the message three times, a visibility timeout of 60
 * seconds apart, and moves it when it would show it a fourth time.
 */
const FAILING_JOB_STEPS = [
  { seconds: 0, text: 'first receive: the worker fails the job' },
  { seconds: 60, text: 'second receive: it fails again' },
  { seconds: 120, text: 'third receive: it fails for the last time' },
  { seconds: 180, text: 'the message moves to the dead-letter queue' },
];

/**
 * Something that the visitor is told. `hint` says what may be behind it; `refused` is set when the API said clearly
 * that it did nothing, which a missing answer or a server's error does not say.
 */
class Failure extends Error {
  constructor(message, hint, refused = false) {
    super(message);
    this.hint = hint;
    this.refused = refused;
  }
}

/** The URLs that config.js set; a failure when it is missing, or is not what the deployment writes. */
function readConfig() {
  const apiUrl = window.__PREVIEW_API_URL__;
  const jobUrl = window.__PREVIEW_JOB_URL__;
  if (!isHttpUrl(apiUrl) || !isHttpUrl(jobUrl)) {
    throw new Failure(
      'This page does not know where its API is: /config.js is missing, or lacks the API’s URLs.',
      'The deployment writes that file last. Reload in a minute; if this stays, look at the deployment’s log.',
    );
  }
  return { apiUrl: apiUrl.replace(/\/+$/, ''), jobUrl };
}

function isHttpUrl(value) {
  return typeof value === 'string' && /^https?:\/\/./.test(value);
}

/** Sends a request and reads its answer as JSON: its status, its body and how long it took. */
async function request(url, options = {}) {
  const start = performance.now();
  let response;
  let text;
  try {
    response = await fetch(url, {
      ...options,
      cache: 'no-store',
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_SECONDS * 1000),
    });
    text = await response.text();
  } catch (error) {
    if (error.name === 'TimeoutError') {
      throw new Failure(`${url} did not answer within ${ANSWER_TIMEOUT_SECONDS} seconds.`, 'The API may be overloaded.');
    }
    throw new Failure(
      `There is no answer from ${url}.`,
      'The API is down, does not allow this page’s origin, or you are offline.',
    );
  }
  const milliseconds = Math.round(performance.now() - start);
  const body = parseJson(text);
  if (!response.ok) {
    throw rejected(url, response, body);
  }
  if (body === undefined) {
    throw new Failure(`${url} answered ${response.status}, but not with JSON.`, 'Something else may be answering there.');
  }
  return { status: response.status, body, milliseconds };
}

function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The failure for an answer that is not a success: the API’s own words where it gave some. */
function rejected(url, response, body) {
  const detail = body?.error;
  if (typeof detail?.message !== 'string') {
    // API Gateway itself answers { "message": … } when it cannot reach the function.
    const message = typeof body?.message === 'string' ? `: ${body.message}` : '';
    return new Failure(`${url} answered ${response.status}${message}.`, 'The function behind it may have failed; see its log.');
  }
  const refused = response.status < 500;
  const hint = refused ? undefined : 'Try again in a few seconds.';
  return new Failure(`The API answered ${response.status} ${detail.code}: ${detail.message}`, hint, refused);
}

/** A full commit, shortened as Git does; any other version as it is. */
function shortVersion(version) {
  return /^[0-9a-f]{40,64}$/.test(version) ? version.slice(0, 7) : version;
}

/** Makes an element; children that are text are never parsed as HTML. */
function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function byId(id) {
  return document.getElementById(id);
}

function failureNodes(error) {
  if (!(error instanceof Failure)) {
    // A mistake of this page: it belongs on the console as well.
    console.error(error);
  }
  const nodes = [element('p', { className: 'error' }, error.message)];
  if (error.hint !== undefined) {
    nodes.push(element('p', { className: 'muted' }, error.hint));
  }
  return nodes;
}

async function greet({ apiUrl }) {
  const greeting = byId('greeting');
  const again = byId('greet-again');
  again.disabled = true;
  greeting.replaceChildren(element('p', { className: 'muted' }, 'Waiting for the API…'));
  try {
    const { body, milliseconds } = await request(`${apiUrl}/hello`);
    greeting.replaceChildren(
      element('p', { className: 'greeting' }, String(body.message)),
      element('p', { className: 'muted' }, `Answered in ${milliseconds} ms.`),
    );
    byId('pr').textContent = `PR ${body.pr}`;
    byId('version').textContent = `version ${shortVersion(String(body.version))}`;
    byId('version').title = String(body.version);
    byId('badges').hidden = false;
    document.title = `Preview of PR ${body.pr}`;
  } catch (error) {
    greeting.replaceChildren(...failureNodes(error));
  }
  again.hidden = false;
  again.disabled = false;
}

async function submitJob({ jobUrl }, task, fail) {
  const state = element('span', { className: 'state' }, 'sending…');
  const entry = element('li', {}, element('h3', {}, fail ? `${task} (to fail)` : task, ' · ', state));
  byId('no-jobs').hidden = true;
  byId('jobs').prepend(entry);
  try {
    const { status, body, milliseconds } = await request(jobUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(fail ? { task, fail } : { task }),
    });
    state.textContent = 'on the queue';
    state.classList.add('accepted');
    entry.append(
      details([
        ['Status', String(status)],
        ['Job id', element('code', {}, String(body.jobId))],
        ['Message id', element('code', {}, String(body.messageId))],
        ['Latency', `${milliseconds} ms`],
      ]),
      fail ? failingJobOutlook() : jobOutlook(),
    );
  } catch (error) {
    state.textContent = error.refused === true ? 'refused' : 'not confirmed';
    state.classList.add('rejected');
    entry.append(...failureNodes(error));
  }
}

function details(rows) {
  return element('dl', {}, ...rows.flatMap(([term, value]) => [element('dt', {}, term), element('dd', {}, value)]));
}

function jobOutlook() {
  const text = 'The worker takes it within seconds; its outcome is in the worker’s log.';
  return element('p', { className: 'muted next' }, text);
}

/** What to expect of a failing job, and when. The page cannot see the queue, so it promises times, not events. */
function failingJobOutlook() {
  const now = Date.now();
  const steps = FAILING_JOB_STEPS.map(({ seconds, text }) => {
    const due = new Date(now + seconds * 1000);
    const time = element('time', { dateTime: due.toISOString() }, due.toLocaleTimeString());
    const step = element('li', {}, 'about ', time, ` – ${text}`);
    setTimeout(() => step.classList.add('due'), seconds * 1000);
    return step;
  });
  return element(
    'div',
    { className: 'next' },
    element('p', {}, 'What to expect: three receives, then the dead-letter queue, after about 180 seconds in all.'),
    element('ol', { className: 'steps' }, ...steps),
  );
}

function start() {
  let config;
  try {
    config = readConfig();
  } catch (error) {
    byId('config-error').append(...failureNodes(error));
    byId('config-error').hidden = false;
    byId('greeting').replaceChildren(element('p', { className: 'muted' }, 'Unavailable without the API.'));
    return;
  }

  byId('greet-again').addEventListener('click', () => greet(config));
  const form = byId('job-form');
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const { submitter } = event;
    submitter.disabled = true;
    await submitJob(config, byId('task').value, submitter.value === 'fail');
    submitter.disabled = false;
    // A disabled button loses the focus; a keyboard user gets it back.
    if (document.activeElement === document.body) {
      submitter.focus();
    }
  });
  for (const button of form.querySelectorAll('button')) {
    button.disabled = false;
  }
  greet(config);
}

start();

import { byId, element } from './dom.js';
import { failingJobOutlook, jobOutlook } from './outlook.js';
import { Failure, request } from './request.js';

/** How the queue retries where config.js does not say. */
const DEFAULT_RETRIES = { maxReceiveCount: 3, visibilityTimeoutSeconds: 60 };

/** What config.js set: the job URL, and the API's where it is not beside it; a failure without the first. */
function readConfig() {
  const jobUrl = httpUrl(window.__PREVIEW_JOB_URL__);
  if (jobUrl === undefined) {
    throw new Failure(
      'This page does not know where its API is: /config.js is missing, or lacks the job URL.',
      'The deployment writes that file last. Reload in a minute; if this stays, look at the deployment’s log.',
    );
  }
  const retries = { ...DEFAULT_RETRIES, ...window.__PREVIEW_RETRIES__ };
  return { helloUrl: helloUrl(httpUrl(window.__PREVIEW_API_URL__), jobUrl), jobUrl: jobUrl.href, retries };
}

function httpUrl(value) {
  const text = typeof value === 'string' ? value.trim() : '';
  return /^https?:\/\//.test(text) && URL.canParse(text) ? new URL(text) : undefined;
}

/** Where the API says hello: at its URL, which may be the base, or else beside the jobs. Queries stay as they are. */
function helloUrl(apiUrl, jobUrl) {
  const url = new URL(apiUrl ?? jobUrl);
  const path = url.pathname.replace(/\/+$/, '');
  const base = apiUrl === undefined ? path.replace(/\/[^/]*$/, '') : path.replace(/\/hello$/, '');
  url.pathname = `${base}/hello`;
  return url.href;
}

/** A full commit, shortened as Git does; any other version as it is. */
function shortVersion(version) {
  return /^[0-9a-f]{40,64}$/.test(version) ? version.slice(0, 7) : version;
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

/** Tells those who cannot see the page what has just become visible. */
function announce(text) {
  byId('announcement').textContent = text;
}

async function greet({ helloUrl }) {
  const greeting = byId('greeting');
  const again = byId('greet-again');
  again.disabled = true;
  greeting.replaceChildren(element('p', { className: 'muted' }, 'Waiting for the API…'));
  try {
    const { body, milliseconds } = await request(helloUrl);
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

async function submitJob({ jobUrl, retries }, task, fail) {
  const name = task.trim() || '(no task)';
  const title = fail ? `${name} (to fail)` : name;
  const state = element('span', { className: 'state' }, 'sending…');
  const entry = element('li', {}, element('h3', {}, element('span', { className: 'task' }, title), ' ', state));
  byId('no-jobs').hidden = true;
  byId('jobs').prepend(entry);
  try {
    const { status, body, milliseconds } = await request(jobUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(fail ? { task, fail } : { task }),
    });
    settle(state, 'on the queue', 'accepted');
    entry.append(
      details([
        ['Status', String(status)],
        ['Job id', element('code', {}, String(body.jobId))],
        ['Message id', element('code', {}, String(body.messageId))],
        ['Latency', `${milliseconds} ms`],
      ]),
      fail ? failingJobOutlook(retries, (text) => announce(`${title}: ${text}`)) : jobOutlook(),
    );
    announce(`${title}: on the queue, job id ${body.jobId}`);
  } catch (error) {
    settle(state, error.refused === true ? 'refused' : 'not confirmed', 'rejected');
    entry.append(...failureNodes(error));
    if (error.field === 'task') {
      byId('task').setAttribute('aria-invalid', 'true');
    }
    announce(`${title}: ${state.textContent}. ${error.message}`);
  }
}

function settle(state, text, className) {
  state.textContent = text;
  state.classList.add(className);
}

function details(rows) {
  return element('dl', {}, ...rows.flatMap(([term, value]) => [element('dt', {}, term), element('dd', {}, value)]));
}

/** Lets the form submit jobs, one for each press of a button. */
function openForm(config) {
  const form = byId('job-form');
  const task = byId('task');
  task.addEventListener('input', () => task.removeAttribute('aria-invalid'));
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const { submitter } = event;
    submitter.disabled = true;
    await submitJob(config, task.value, submitter.value === 'fail');
    submitter.disabled = false;
    // A disabled button loses the focus; a keyboard user gets it back.
    if (document.activeElement === document.body) {
      submitter.focus();
    }
  });
  for (const button of form.querySelectorAll('button')) {
    button.disabled = false;
  }
}

function start() {
  let config;
  try {
    config = readConfig();
  } catch (error) {
    byId('config-error').append(...failureNodes(error));
    byId('config-error').hidden = false;
    byId('greeting').replaceChildren(element('p', { className: 'muted' }, 'Unavailable without the API.'));
    byId('no-jobs').textContent = 'Jobs cannot be submitted without the API.';
    return;
  }
  byId('greet-again').addEventListener('click', () => greet(config));
  openForm(config);
  greet(config);
}

start();

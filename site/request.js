/** How long the page waits for an answer before it says that there is none. */
const ANSWER_TIMEOUT_SECONDS = 15;

/**
 * Something that the visitor is told. `hint` says what may be behind it. `refused` is set when the API said clearly
 * that it did nothing, which a missing answer or a server's error does not say; `field` is then what it refused.
 */
export class Failure extends Error {
  constructor(message, hint, { refused = false, field } = {}) {
    super(message);
    this.hint = hint;
    this.refused = refused;
    this.field = field;
  }
}

/** Sends a request and reads its answer as JSON: its status, its body and how long it took. */
export async function request(url, options = {}) {
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
    return new Failure(
      `${url} answered ${response.status}${message}.`,
      response.status === 429 ? 'Too many requests at once; wait a few seconds.' : 'The function behind it may have failed; see its log.',
    );
  }
  const refused = response.status < 500;
  const hint = refused ? undefined : 'Try again in a few seconds.';
  const message = `The API answered ${response.status} ${detail.code}: ${detail.message}`;
  return new Failure(message, hint, { refused, field: detail.field });
}

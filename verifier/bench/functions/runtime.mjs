// The least client of Lambda's Runtime API in Node: no SDK, no framework, nothing but Node's own modules.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
import { Agent, request } from 'node:http';

const agent = new Agent({ keepAlive: true });

/** Sends a request and reads its answer. */
export function call(url, { method = 'GET', headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent, method, headers }, (answer) => {
      const parts = [];
      answer.on('data', (part) => parts.push(part));
      answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, text: Buffer.concat(parts).toString() }));
      answer.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** Asks for invocations for ever, and answers each with what the handler returns. */
export async function run(handler) {
  const api = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation`;
  for (;;) {
    const { headers, text } = await call(`${api}/next`);
    const id = headers['lambda-runtime-aws-request-id'];
    try {
      const body = JSON.stringify(await handler(JSON.parse(text), id));
      await call(`${api}/${id}/response`, { method: 'POST', body });
    } catch (error) {
      const body = JSON.stringify({ errorType: error.name, errorMessage: error.message });
      await call(`${api}/${id}/error`, { method: 'POST', body });
    }
  }
}

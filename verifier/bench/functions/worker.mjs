import { run } from './runtime.mjs';

function attempt(body) {
  try {
    const { runId, jobId, fail } = JSON.parse(body);
    return { runId, jobId, reason: fail ? 'the job asked to fail' : undefined };
  } catch (error) {
    return { reason: `not a job: ${error.message}` };
  }
}

await run(({ Records }, requestId) => {
  const batchItemFailures = [];
  for (const { messageId, body, attributes } of Records) {
    const { reason, ...job } = attempt(body);
    if (reason) {
      batchItemFailures.push({ itemIdentifier: messageId });
    }
    const receiveCount = Number(attributes.ApproximateReceiveCount);
    const outcome = reason ? 'failed' : 'succeeded';
    console.log(JSON.stringify({ event: 'job.outcome', ...job, messageId, receiveCount, outcome, reason, requestId, batchSize: Records.length }));
  }
  return { batchItemFailures };
});

// Works the queue off. A job that asks to fail does so at every attempt.
export const handler = async (event, context) => {
  const batchItemFailures = [];
  for (const record of event.Records) {
    const { fail, jobId, runId } = JSON.parse(record.body);
    if (fail) batchItemFailures.push({ itemIdentifier: record.messageId });
    console.log({
      event: 'job.outcome',
      runId,
      jobId,
      messageId: record.messageId,
      receiveCount: Number(record.attributes.ApproximateReceiveCount),
      outcome: fail ? 'failed' : 'succeeded',
      ...(fail && { reason: 'the job asked to fail' }),
      requestId: context.awsRequestId,
      batchSize: event.Records.length,
    });
  }
  return { batchItemFailures };
};

import { describe, expect, test } from 'vitest';
import { defaultPreview as preview, property } from './support.ts';

const [queueId, queue] = preview.single('AWS::SQS::Queue', (each) => each.Properties?.['RedrivePolicy'] !== undefined);
const [deadLetterQueueId, deadLetterQueue] = preview.single(
  'AWS::SQS::Queue',
  (each) => each.Properties?.['RedrivePolicy'] === undefined,
);
const [workerId, worker] = preview.rustFunction('worker');
const [, mapping] = preview.single('AWS::Lambda::EventSourceMapping');

describe('the queues', () => {
  test('the jobs queue redrives to the dead-letter queue after three receives', () => {
    expect(queue.Properties).toMatchObject({
      VisibilityTimeout: 60,
      MessageRetentionPeriod: 4 * 24 * 60 * 60,
      MaximumMessageSize: 65_536,
      SqsManagedSseEnabled: true,
      RedrivePolicy: {
        deadLetterTargetArn: { 'Fn::GetAtt': [deadLetterQueueId, 'Arn'] },
        maxReceiveCount: 3,
      },
    });
  });

  test('the dead-letter queue keeps what it got for longer, and accepts whatever the jobs queue holds', () => {
    expect(deadLetterQueue.Properties).toMatchObject({
      MessageRetentionPeriod: 14 * 24 * 60 * 60,
      SqsManagedSseEnabled: true,
    });
    expect(property(deadLetterQueue, 'MessageRetentionPeriod')).toBeGreaterThan(
      property(queue, 'MessageRetentionPeriod'),
    );
    expect(property(deadLetterQueue, 'MaximumMessageSize')).toBeGreaterThanOrEqual(
      property(queue, 'MaximumMessageSize'),
    );
  });

  test.each([
    ['jobs queue', queueId],
    ['dead-letter queue', deadLetterQueueId],
  ])('the %s refuses plain HTTP', (_name, id) => {
    preview.template.hasResourceProperties('AWS::SQS::QueuePolicy', {
      Queues: [{ Ref: id }],
      PolicyDocument: {
        Statement: [{ Effect: 'Deny', Action: 'sqs:*', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }],
      },
    });
  });
});

describe('the worker', () => {
  test('takes batches of five and reports which of them failed', () => {
    expect(mapping.Properties).toMatchObject({
      EventSourceArn: { 'Fn::GetAtt': [queueId, 'Arn'] },
      FunctionName: { Ref: workerId },
      BatchSize: 5,
      MaximumBatchingWindowInSeconds: 1,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
    });
    expect(mapping.Properties?.['Enabled']).not.toBe(false);
  });

  test('has time for six attempts and the batching window within one visibility timeout', () => {
    const timeout = property<number>(worker, 'Timeout');
    expect(timeout).toBe(9);
    expect(property(queue, 'VisibilityTimeout')).toBeGreaterThanOrEqual(
      6 * timeout + property<number>(mapping, 'MaximumBatchingWindowInSeconds'),
    );
  });

  test('is never asked for more at once than it may run, so that throttling uses no receives up', () => {
    expect(mapping.Properties).toMatchObject({ ScalingConfig: { MaximumConcurrency: 5 } });
    // Concurrency that is reserved for the function would throttle the mapping instead of holding it back.
    expect(worker.Properties).not.toHaveProperty('ReservedConcurrentExecutions');
  });

  test('keeps its log as long as a dead letter can lie in its queue', () => {
    const logGroup = property<{ LogGroup: { Ref: string } }>(worker, 'LoggingConfig').LogGroup.Ref;
    expect(property<number>(preview.resources[logGroup], 'RetentionInDays') * 24 * 60 * 60).toBeGreaterThanOrEqual(
      property(deadLetterQueue, 'MessageRetentionPeriod'),
    );
  });

  test('may consume the jobs queue and write its own log, and nothing else', () => {
    expect(preview.allowed(workerId)).toEqual([
      {
        actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
        resource: { 'Fn::GetAtt': [property<{ LogGroup: { Ref: string } }>(worker, 'LoggingConfig').LogGroup.Ref, 'Arn'] },
      },
      {
        actions: [
          'sqs:ChangeMessageVisibility',
          'sqs:DeleteMessage',
          'sqs:GetQueueAttributes',
          'sqs:GetQueueUrl',
          'sqs:ReceiveMessage',
        ],
        resource: { 'Fn::GetAtt': [queueId, 'Arn'] },
      },
    ]);
  });
});

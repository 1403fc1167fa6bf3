import { Duration } from 'aws-cdk-lib';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { RustFunction } from './functions.ts';

/** The largest message of the jobs queue, in bytes: the most that SQS allows. */
export const JOBS_MAX_MESSAGE_BYTES = 1_048_576;

export interface JobsProps {
  readonly pr: string;
  readonly placeholder: boolean;
}

/** The jobs queue, its dead-letter queue, and the worker that empties it. */
export class Jobs extends Construct {
  readonly queue: sqs.Queue;
  readonly deadLetterQueue: sqs.Queue;

  constructor(scope: Construct, id: string, props: JobsProps) {
    super(scope, id);

    // Expiry counts from the first enqueue, also in the dead-letter queue. Its retention must therefore exceed
    // the jobs queue's, or a message would expire soon after it got here, before anybody looked.
    this.deadLetterQueue = new sqs.Queue(this, 'DeadLetterQueue', {
      encryption: sqs.QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
      maxMessageSizeBytes: JOBS_MAX_MESSAGE_BYTES,
    });

    // AWS advises a visibility timeout of six function timeouts plus the batching window, so that Lambda can retry
    // a throttled batch before its messages become visible again: 6 × 9 s + 1 s = 55 s, below 60 s.
    // https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    const workerTimeout = Duration.seconds(9);
    const batchingWindow = Duration.seconds(1);
    this.queue = new sqs.Queue(this, 'Queue', {
      encryption: sqs.QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      visibilityTimeout: Duration.seconds(60),
      retentionPeriod: Duration.days(4),
      maxMessageSizeBytes: JOBS_MAX_MESSAGE_BYTES,
      deadLetterQueue: { queue: this.deadLetterQueue, maxReceiveCount: 3 },
    });

    const worker = new RustFunction(this, 'Worker', {
      binary: 'worker',
      description: 'Works off the jobs queue.',
      timeout: workerTimeout,
      environment: { PREVIEW_PR: props.pr },
      placeholder: props.placeholder,
    });
    // The event source grants the worker what it needs to consume the queue, and nothing else.
    worker.function.addEventSource(
      new SqsEventSource(this.queue, {
        batchSize: 5,
        maxBatchingWindow: batchingWindow,
        reportBatchItemFailures: true,
      }),
    );
  }
}

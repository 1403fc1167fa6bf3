import { Duration } from 'aws-cdk-lib';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { RustFunction } from './functions.ts';
import type { Architecture } from './settings.ts';

/** The largest message of the jobs queue, in bytes. SQS would take sixteen times that, and bills each 64 KiB. */
export const JOBS_MAX_MESSAGE_BYTES = 65_536;

/** How long the queues keep a message, counted from when it was first sent. */
export const JOBS_RETENTION = Duration.days(4);
export const DEAD_LETTERS_RETENTION = Duration.days(14);

/** A failing job is received `MAX_RECEIVE_COUNT` times, a visibility timeout apart, before it is dead-lettered. */
export const VISIBILITY_TIMEOUT = Duration.seconds(60);
export const MAX_RECEIVE_COUNT = 3;

// AWS advises a visibility timeout of six function timeouts plus the batching window, so that Lambda can retry
// a throttled batch before its messages become visible again: 6 × 9 s + 1 s = 55 s, below 60 s.
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
const WORKER_TIMEOUT = Duration.seconds(9);
const BATCHING_WINDOW = Duration.seconds(1);

export interface JobsProps {
  readonly pr: string;
  readonly architecture: Architecture;
  readonly placeholder: boolean;
}

/** The jobs queue, its dead-letter queue, and the worker that empties it. */
export class Jobs extends Construct {
  readonly queue: sqs.Queue;
  readonly deadLetterQueue: sqs.Queue;
  readonly worker: RustFunction;

  constructor(scope: Construct, id: string, props: JobsProps) {
    super(scope, id);

    // Expiry counts from the first enqueue, also in the dead-letter queue. Its retention must therefore exceed
    // the jobs queue's, or a message would expire soon after it got here, before anybody looked.
    this.deadLetterQueue = new sqs.Queue(this, 'DeadLetterQueue', {
      encryption: sqs.QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: DEAD_LETTERS_RETENTION,
      maxMessageSizeBytes: JOBS_MAX_MESSAGE_BYTES,
    });

    this.queue = new sqs.Queue(this, 'Queue', {
      encryption: sqs.QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      visibilityTimeout: VISIBILITY_TIMEOUT,
      retentionPeriod: JOBS_RETENTION,
      maxMessageSizeBytes: JOBS_MAX_MESSAGE_BYTES,
      deadLetterQueue: { queue: this.deadLetterQueue, maxReceiveCount: MAX_RECEIVE_COUNT },
    });

    this.worker = this.consume(props);
  }

  /** Makes the worker, and the mapping through which it empties the jobs queue. */
  private consume({ pr, architecture, placeholder }: JobsProps): RustFunction {
    const worker = new RustFunction(this, 'Worker', {
      binary: 'worker',
      description: 'Works off the jobs queue.',
      timeout: WORKER_TIMEOUT,
      environment: { PR_NUMBER: pr },
      architecture,
      placeholder,
      // As long as a dead letter can lie there, its log says why it failed.
      logRetention: RetentionDays.TWO_WEEKS,
    });
    // The event source grants the worker what it needs to consume the queue, and nothing else.
    worker.function.addEventSource(
      new SqsEventSource(this.queue, {
        batchSize: 5,
        maxBatchingWindow: BATCHING_WINDOW,
        reportBatchItemFailures: true,
        // The pollers stop at this many invocations at once instead of being throttled, which would use receives up:
        // a healthy message could reach the dead-letter queue without one invocation. Concurrency reserved for the
        // function would not do that, and would take it from every other function of the account.
        // https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
        maxConcurrency: 5,
      }),
    );
    return worker;
  }
}

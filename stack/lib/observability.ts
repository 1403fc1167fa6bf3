import { Duration, Stack } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import * as sns from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import type { Api } from './api.ts';
import { dashboardBody } from './dashboard.ts';
import { DEAD_LETTERS_RETENTION, JOBS_RETENTION, type Jobs, MAX_RECEIVE_COUNT, VISIBILITY_TIMEOUT } from './jobs.ts';

export interface ObservabilityProps {
  readonly jobs: Jobs;
  readonly api: Api;
  /** The runbook; each alarm has a section there. */
  readonly runbookUrl: string;
  /** The ARN of the topic that the alarms notify; they only show by default. */
  readonly alarmTopic?: string | undefined;
}

interface AlarmSpec {
  /** Its name behind the stack's, and the title of its section in the runbook. */
  readonly name: string;
  /** What it means when it is on. */
  readonly meaning: string;
  readonly metric: cloudwatch.IMetric;
  /** It is on while the metric exceeds this. */
  readonly threshold: number;
  /** For how many periods in a row; one by default. */
  readonly periods?: number;
}

/** The longest that a job may wait before somebody should look: a failing job is retried that long, and two minutes more. */
const QUEUE_AGE_SECONDS = MAX_RECEIVE_COUNT * VISIBILITY_TIMEOUT.toSeconds() + 120;

/**
 * How old dead letters may get before they are about to be lost. Their metric counts from their arrival in the
 * dead-letter queue and their expiry from when they were first sent, up to the jobs queue's retention earlier; a day
 * is left to act.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/setting-up-dead-letter-queue-retention.html
 */
const DEAD_LETTER_AGE_SECONDS = DEAD_LETTERS_RETENTION.toSeconds() - JOBS_RETENTION.toSeconds() - 24 * 60 * 60;

/** What shows how the preview is doing: alarms, each with a section in the runbook, and a dashboard. */
export class Observability extends Construct {
  constructor(scope: Construct, id: string, props: ObservabilityProps) {
    super(scope, id);
    const { stackName } = Stack.of(this);
    const alarms = alarmSpecs(props.jobs, props.api).map((spec) => this.alarm(spec, props.runbookUrl));
    if (props.alarmTopic !== undefined) {
      const topic = sns.Topic.fromTopicArn(this, 'AlarmTopic', props.alarmTopic);
      for (const alarm of alarms) {
        alarm.addAlarmAction(new SnsAction(topic));
        alarm.addOkAction(new SnsAction(topic));
      }
    }
    new cloudwatch.Dashboard(this, 'Dashboard', {
      dashboardName: stackName,
      defaultInterval: Duration.hours(3),
      widgets: dashboardBody({ ...props, alarms, stackName }),
    });
  }

  private alarm(spec: AlarmSpec, runbookUrl: string): cloudwatch.Alarm {
    return new cloudwatch.Alarm(this, spec.name, {
      alarmName: `${Stack.of(this).stackName}-${spec.name}`,
      alarmDescription: `${spec.meaning} Runbook: ${runbookUrl}#alarm-${spec.name.toLowerCase()}`,
      metric: spec.metric,
      threshold: spec.threshold,
      comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: spec.periods ?? 1,
      // Queues, functions and APIs that nobody uses send no data, and that is no fault.
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
    });
  }
}

function alarmSpecs({ queue, deadLetterQueue, worker }: Jobs, { httpApi }: Api): AlarmSpec[] {
  const everyMinute = { period: Duration.minutes(1), statistic: cloudwatch.Stats.MAXIMUM };
  const inFiveMinutes = { period: Duration.minutes(5), statistic: cloudwatch.Stats.SUM };
  return [
    {
      name: 'DeadLetters',
      meaning: 'There are messages in the dead-letter queue.',
      // Not NumberOfMessagesSent: it does not count the messages that the redrive policy moves.
      metric: deadLetterQueue.metricApproximateNumberOfMessagesVisible(everyMinute),
      threshold: 0,
    },
    {
      name: 'DeadLetterAge',
      meaning: 'Messages in the dead-letter queue expire within a day or so, and are lost then.',
      metric: deadLetterQueue.metricApproximateAgeOfOldestMessage(everyMinute),
      threshold: DEAD_LETTER_AGE_SECONDS,
    },
    {
      name: 'QueueAge',
      meaning: 'Jobs wait longer than a failing job is retried: the worker does not keep up, or does not run.',
      metric: queue.metricApproximateAgeOfOldestMessage(everyMinute),
      threshold: QUEUE_AGE_SECONDS,
      periods: 3,
    },
    {
      name: 'WorkerErrors',
      meaning: 'The worker crashed or timed out; a job that it merely failed does not count.',
      metric: worker.function.metricErrors(inFiveMinutes),
      threshold: 0,
    },
    {
      name: 'WorkerThrottles',
      meaning: 'The worker was throttled, which uses up the receives of healthy jobs.',
      metric: worker.function.metricThrottles(inFiveMinutes),
      threshold: 0,
    },
    {
      name: 'SubmitServerErrors',
      meaning: 'The API answered 5xx: jobs may not have been accepted.',
      metric: httpApi.metricServerError(inFiveMinutes),
      threshold: 0,
    },
  ];
}

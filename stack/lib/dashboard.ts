import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { Api } from './api.ts';
import type { Jobs } from './jobs.ts';

export interface DashboardProps {
  readonly stackName: string;
  readonly jobs: Jobs;
  readonly api: Api;
  readonly alarms: cloudwatch.IAlarm[];
  readonly runbookUrl: string;
}

const [FULL, HALF, THIRD] = [24, 12, 8];

/** One screen, from top to bottom: is work flowing, what is dead, and why. */
export function dashboardBody(props: DashboardProps): cloudwatch.IWidget[][] {
  return [
    [
      new cloudwatch.TextWidget({
        markdown: `**${props.stackName}** · is work flowing, what is dead, why · [runbook](${props.runbookUrl})`,
        width: HALF,
        height: 2,
        background: cloudwatch.TextWidgetBackground.TRANSPARENT,
      }),
      new cloudwatch.AlarmStatusWidget({ title: 'Alarms', alarms: props.alarms, width: HALF, height: 2 }),
    ],
    flow(props),
    dead(props),
    why(props),
  ];
}

const everyMinute = { period: Duration.minutes(1) };
const zeroUp = { leftYAxis: { min: 0, showUnits: false } };

function flow({ jobs, api }: DashboardProps): cloudwatch.IWidget[] {
  const { queue, worker } = jobs;
  return [
    new cloudwatch.GraphWidget({
      title: 'Flow: jobs accepted, received, done',
      left: [
        queue.metricNumberOfMessagesSent(everyMinute),
        queue.metricNumberOfMessagesReceived(everyMinute),
        queue.metricNumberOfMessagesDeleted(everyMinute),
      ],
      width: THIRD,
      ...zeroUp,
    }),
    new cloudwatch.GraphWidget({
      title: 'Flow: waiting, in flight, oldest',
      left: [
        queue.metricApproximateNumberOfMessagesVisible(everyMinute),
        queue.metricApproximateNumberOfMessagesNotVisible(everyMinute),
      ],
      right: [queue.metricApproximateAgeOfOldestMessage(everyMinute)],
      rightYAxis: { min: 0, label: 'seconds', showUnits: false },
      width: THIRD,
      ...zeroUp,
    }),
    new cloudwatch.GraphWidget({
      title: 'Flow: requests, refused, failed',
      left: [
        api.httpApi.metricCount({ ...everyMinute, statistic: cloudwatch.Stats.SUM }),
        api.httpApi.metricClientError({ ...everyMinute, statistic: cloudwatch.Stats.SUM }),
        api.httpApi.metricServerError({ ...everyMinute, statistic: cloudwatch.Stats.SUM }),
      ],
      right: [worker.function.metricDuration({ ...everyMinute, statistic: cloudwatch.Stats.p(95), label: 'worker, p95' })],
      rightYAxis: { min: 0, label: 'ms', showUnits: false },
      width: THIRD,
      ...zeroUp,
    }),
  ];
}

function dead({ jobs }: DashboardProps): cloudwatch.IWidget[] {
  const { deadLetterQueue, worker } = jobs;
  return [
    new cloudwatch.SingleValueWidget({
      title: 'Dead now',
      metrics: [
        deadLetterQueue.metricApproximateNumberOfMessagesVisible({ ...everyMinute, label: 'dead letters' }),
        deadLetterQueue.metricApproximateAgeOfOldestMessage({ ...everyMinute, label: 'oldest, seconds' }),
      ],
      width: THIRD,
      height: 6,
    }),
    new cloudwatch.GraphWidget({
      title: 'Dead letters',
      left: [deadLetterQueue.metricApproximateNumberOfMessagesVisible(everyMinute)],
      width: THIRD,
      ...zeroUp,
    }),
    new cloudwatch.GraphWidget({
      title: 'Worker: invocations, errors, throttles',
      left: [
        worker.function.metricInvocations(everyMinute),
        worker.function.metricErrors(everyMinute),
        worker.function.metricThrottles(everyMinute),
      ],
      width: THIRD,
      ...zeroUp,
    }),
  ];
}

function why({ jobs, api }: DashboardProps): cloudwatch.IWidget[] {
  return [
    new cloudwatch.LogQueryWidget({
      title: 'Why: failed attempts by reason',
      logGroupNames: [jobs.worker.logGroup.logGroupName],
      // The fields are those of the worker's outcome line, which `contract` defines.
      queryLines: [
        'filter fields.event = "job.outcome" and fields.outcome = "failed"',
        'stats count(*) as attempts, latest(fields.jobId) as lastJob, max(@timestamp) as lastTime by fields.reason',
        'sort attempts desc',
        'limit 20',
      ],
      width: HALF,
      height: 6,
    }),
    new cloudwatch.LogQueryWidget({
      title: 'Why: requests that the API could not serve',
      logGroupNames: [api.accessLog.logGroupName],
      queryLines: [
        'fields @timestamp, routeKey, status, integrationError, error, requestId',
        'filter status >= 500',
        'sort @timestamp desc',
        'limit 20',
      ],
      width: FULL - HALF,
      height: 6,
    }),
  ];
}

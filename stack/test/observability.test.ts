import { Match } from 'aws-cdk-lib/assertions';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { REPOSITORY_ROOT } from '../lib/paths.ts';
import { Preview, type Resource, defaultPreview as preview, property } from './support.ts';

const alarms = Object.values(preview.resources).filter(({ Type }) => Type === 'AWS::CloudWatch::Alarm');
const alarm = (name: string): Resource => {
  const found = alarms.find((each) => each.Properties?.['AlarmName'] === `Stack-PR123-${name}`);
  if (found === undefined) {
    throw new Error(`there is no alarm ${name}`);
  }
  return found;
};
const redrives = (each: Resource) => each.Properties?.['RedrivePolicy'] !== undefined;
const [queueId, queue] = preview.single('AWS::SQS::Queue', redrives);
const [deadLetterQueueId, deadLetterQueue] = preview.single('AWS::SQS::Queue', (each) => !redrives(each));
const [workerId] = preview.rustFunction('worker');
const [apiId] = preview.single('AWS::ApiGatewayV2::Api');

/** The anchors that GitHub gives the headings of a page of Markdown. */
function anchors(markdown: string): string[] {
  const seen = new Map<string, number>();
  return [...markdown.replaceAll(/^```.*?^```$/gms, '').matchAll(/^#{1,6} +(.+?) *#*$/gm)].map(([, heading = '']) => {
    const text = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const slug = text.replaceAll(/[^\p{L}\p{N}\p{M}\p{Pc}\- ]/gu, '').replaceAll(' ', '-');
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    return count === 0 ? slug : `${slug}-${count}`;
  });
}

describe('the anchors of a page', () => {
  test('are as GitHub makes them', () => {
    const page = '# Runbook\n## `stack.ready`\n```sh\n# no heading\n```\n### Alarm `A`: what, now?\n## Look\n## Look\n';
    expect(anchors(page)).toEqual(['runbook', 'stackready', 'alarm-a-what-now', 'look', 'look-1']);
  });
});

describe('every alarm', () => {
  const runbook = readFileSync(join(REPOSITORY_ROOT, 'RUNBOOK.md'), 'utf8');
  const descriptions = alarms.map((each) => property<string>(each, 'AlarmDescription'));
  const anchorOf = (description: string) => /#(\S+)$/.exec(description)?.[1];

  test('is one of six', () => {
    expect(alarms.map((each) => property(each, 'AlarmName')).sort()).toEqual(
      ['DeadLetterAge', 'DeadLetters', 'QueueAge', 'SubmitServerErrors', 'WorkerErrors', 'WorkerThrottles'].map(
        (name) => `Stack-PR123-${name}`,
      ),
    );
  });

  test.each(descriptions)('links a section of the runbook: %s', (description) => {
    expect(description).toContain(' Runbook: https://github.com/owner/repo/blob/HEAD/RUNBOOK.md#');
    expect(anchors(runbook)).toContain(anchorOf(description));
  });

  test('is one that the runbook has a section on, and the other way round', () => {
    const sections = anchors(runbook).filter((anchor) => anchor.startsWith('alarm-'));
    expect(sections.sort()).toEqual(descriptions.map(anchorOf).sort());
  });

  test.each(alarms.map((each) => property<string>(each, 'AlarmName').replace('Stack-PR123-', '')))(
    'has a section that says what to do: %s',
    (name) => {
      const [, section = ''] = runbook.split(`### Alarm \`${name}\`\n`);
      const [body = ''] = section.split('\n##');
      for (const part of ['**Description**', '**Investigation**', '**Resolution**']) {
        expect(body).toContain(part);
      }
    },
  );

  test('links where the context says that the repository is', () => {
    const elsewhere = new Preview({ repositoryUrl: 'https://git.example.org/team/previews' });
    elsewhere.template.allResourcesProperties('AWS::CloudWatch::Alarm', {
      AlarmDescription: Match.stringLikeRegexp('https://git\\.example\\.org/team/previews/blob/HEAD/RUNBOOK\\.md#'),
    });
  });

  test('takes missing data for quiet, and calls nobody', () => {
    for (const each of alarms) {
      expect(each.Properties).toMatchObject({ TreatMissingData: 'notBreaching', ComparisonOperator: 'GreaterThanThreshold' });
      expect(each.Properties).not.toHaveProperty('AlarmActions');
    }
  });

  test('calls where the context says', () => {
    const alarmTopic = 'arn:aws:sns:eu-central-1:123456789012:on-call';
    const paged = Object.values(new Preview({ alarmTopic }).resources).filter(({ Type }) => Type === 'AWS::CloudWatch::Alarm');
    expect(paged).toHaveLength(alarms.length);
    for (const each of paged) {
      expect(each.Properties).toMatchObject({ AlarmActions: [alarmTopic], OKActions: [alarmTopic] });
    }
  });
});

describe('the alarm on', () => {
  const watches = (name: string, metric: string, dimension: string, value: unknown) =>
    expect(alarm(name).Properties).toMatchObject({
      MetricName: metric,
      Dimensions: [{ Name: dimension, Value: value }],
    });
  const threshold = (name: string) => property<number>(alarm(name), 'Threshold');

  test('dead letters looks at those that are there, since moved ones are not counted as sent', () => {
    watches('DeadLetters', 'ApproximateNumberOfMessagesVisible', 'QueueName', {
      'Fn::GetAtt': [deadLetterQueueId, 'QueueName'],
    });
    expect(threshold('DeadLetters')).toBe(0);
  });

  test('their age leaves a day, even for one that was dead-lettered as late as can be', () => {
    watches('DeadLetterAge', 'ApproximateAgeOfOldestMessage', 'QueueName', {
      'Fn::GetAtt': [deadLetterQueueId, 'QueueName'],
    });
    const latest = property<number>(queue, 'MessageRetentionPeriod');
    expect(threshold('DeadLetterAge') + latest + 24 * 60 * 60).toBe(property(deadLetterQueue, 'MessageRetentionPeriod'));
  });

  test("the queue's age lets a failing job have its retries", () => {
    watches('QueueAge', 'ApproximateAgeOfOldestMessage', 'QueueName', { 'Fn::GetAtt': [queueId, 'QueueName'] });
    const { maxReceiveCount } = property<{ maxReceiveCount: number }>(queue, 'RedrivePolicy');
    expect(threshold('QueueAge')).toBeGreaterThan(maxReceiveCount * property<number>(queue, 'VisibilityTimeout'));
  });

  test('the worker and the API fire at the first event', () => {
    watches('WorkerErrors', 'Errors', 'FunctionName', { Ref: workerId });
    watches('WorkerThrottles', 'Throttles', 'FunctionName', { Ref: workerId });
    watches('SubmitServerErrors', '5xx', 'ApiId', { Ref: apiId });
    for (const name of ['WorkerErrors', 'WorkerThrottles', 'SubmitServerErrors']) {
      expect(alarm(name).Properties).toMatchObject({ Statistic: 'Sum', Threshold: 0 });
    }
  });
});

describe('the dashboard', () => {
  const [, dashboard] = preview.single('AWS::CloudWatch::Dashboard');
  const parts = property<{ 'Fn::Join': [string, unknown[]] }>(dashboard, 'DashboardBody')['Fn::Join'][1];
  const body: { widgets: { type: string; y: number; height: number; properties: Record<string, unknown> }[] } = JSON.parse(
    parts.map((part) => (typeof part === 'string' ? part : 'token')).join(''),
  );

  test('shows the alarms, and answers whether work flows, what is dead and why', () => {
    const titles = body.widgets.map(({ properties }) => String(properties['title'] ?? properties['markdown']));
    for (const topic of [/^\*\*Stack-PR123\*\*/, /^Alarms$/, /^Flow: /, /^Dead /, /^Why: /]) {
      expect(titles.some((title) => topic.test(title))).toBe(true);
    }
    const shown = body.widgets.find(({ type }) => type === 'alarm')?.properties['alarms'];
    expect(shown).toHaveLength(alarms.length);
  });

  test('fits a screen', () => {
    // A row of the grid is about 50 pixels high.
    expect(Math.max(...body.widgets.map(({ y, height }) => y + height))).toBeLessThanOrEqual(20);
  });

  test("asks the worker's log by the names that the worker writes", () => {
    const outcome = readFileSync(join(REPOSITORY_ROOT, 'lambdas', 'contract', 'src', 'outcome.rs'), 'utf8');
    const query = String(body.widgets.find(({ properties }) => /by reason/.test(String(properties['title'])))?.properties['query']);
    const [, event] = /OUTCOME_EVENT: &str = "([^"]+)"/.exec(outcome) ?? [];
    expect(query).toContain(`fields.event = "${event}"`);
    for (const field of query.matchAll(/fields\.(\w+)/g)) {
      const snakeCase = (field[1] ?? '').replaceAll(/[A-Z]/g, (message) => `_${message.toLowerCase()}`);
      expect(snakeCase === 'event' || outcome.includes(`pub ${snakeCase}: `), field[0]).toBe(true);
    }
  });
});

import * as iam from 'aws-cdk-lib/aws-iam';
import { PreviewArns } from './preview-arns.ts';

/**
 * What `verifier iam-policy chaos` prints, for the one stack that chaos.yml deploys and breaks. A test of the verifier
 * compares the two, statement by statement.
 */
export function chaosStatements(arns: PreviewArns): iam.PolicyStatement[] {
  const [jobs, deadLetters] = [arns.queues('JobsQueue'), arns.queues('JobsDeadLetterQueue')];
  const worker = arns.functions('JobsWorkerFunction');
  const changed = [...worker, ...arns.functions('ApiSubmitJobFunction')];
  return [
    allow('Stack', ['cloudformation:DescribeStacks', 'cloudformation:ListStackResources'], arns.stacks()),
    allow('Queues', ['sqs:GetQueueAttributes', 'sqs:GetQueueUrl'], [...jobs, ...deadLetters]),
    allow(
      'JobsQueue',
      [
        ...['sqs:ListQueueTags', 'sqs:PurgeQueue', 'sqs:ReceiveMessage', 'sqs:SendMessage', 'sqs:SetQueueAttributes'],
        ...['sqs:TagQueue', 'sqs:UntagQueue'],
      ],
      jobs,
    ),
    allow(
      'DeadLetterQueue',
      [
        ...['sqs:ChangeMessageVisibility', 'sqs:DeleteMessage', 'sqs:ListDeadLetterSourceQueues'],
        ...['sqs:ListMessageMoveTasks', 'sqs:ReceiveMessage', 'sqs:StartMessageMoveTask'],
      ],
      deadLetters,
    ),
    allow('Worker', ['lambda:GetFunctionConfiguration'], worker),
    allow('WorkerSettings', ['lambda:UpdateFunctionConfiguration'], worker),
    allow('Functions', ['lambda:GetFunctionConfiguration'], arns.functions()),
    allow(
      'Concurrencies',
      ['lambda:DeleteFunctionConcurrency', 'lambda:GetFunctionConcurrency', 'lambda:PutFunctionConcurrency'],
      changed,
    ),
    allow('Mappings', ['lambda:GetEventSourceMapping', 'lambda:UpdateEventSourceMapping'], [arns.mappings()], {
      ArnLike: { 'lambda:FunctionArn': worker },
    }),
    allow('WorkerLogGroup', ['logs:FilterLogEvents'], arns.functionLogGroups()),
    allow(
      'NotOnSingleResources',
      ['cloudwatch:DescribeAlarmsForMetric', 'lambda:ListEventSourceMappings', 'logs:DescribeLogGroups'],
      ['*'],
    ),
  ];
}

function allow(
  sid: string,
  actions: string[],
  resources: string[],
  conditions?: Record<string, Record<string, unknown>>,
): iam.PolicyStatement {
  return new iam.PolicyStatement({ sid, actions, resources, ...(conditions && { conditions }) });
}

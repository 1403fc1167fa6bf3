import * as iam from 'aws-cdk-lib/aws-iam';
import { PreviewArns } from './preview-arns.ts';

/**
 * What `verifier iam-policy chaos` prints, for the one stack that chaos.yml deploys and breaks. A test of the verifier
 * compares the two, statement by statement.
 */
export function chaosStatements(arns: PreviewArns): iam.PolicyStatement[] {
  const [jobs, deadLetters] = [arns.queues('JobsQueue'), arns.queues('JobsDeadLetterQueue')];
  const functions = arns.functions();
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
    allow('Worker', ['lambda:GetFunctionConfiguration'], functions),
    allow(
      'Functions',
      [
        ...['lambda:DeleteFunctionConcurrency', 'lambda:GetFunctionConcurrency', 'lambda:GetFunctionConfiguration'],
        ...['lambda:PutFunctionConcurrency', 'lambda:UpdateFunctionConfiguration'],
      ],
      functions,
    ),
    allow('Mappings', ['lambda:GetEventSourceMapping', 'lambda:UpdateEventSourceMapping'], [arns.mappings()], {
      ArnLike: { 'lambda:FunctionArn': functions },
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

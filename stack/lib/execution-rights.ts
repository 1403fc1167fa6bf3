import type { PreviewArns } from './preview-arns.ts';

/** Something that is allowed, or denied whatever else allows it, as a statement of a policy has it. */
export interface Right {
  readonly denies?: boolean;
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  readonly conditions?: Record<string, Record<string, unknown>>;
}

export interface ExecutionContext {
  readonly arns: PreviewArns;
  /** The managed policy that bounds what a preview's own roles may do. */
  readonly boundaryArn: string;
  /** The qualifier of the bootstrap that deploys previews. */
  readonly qualifier: string;
  /** The id of the account's own response headers policy, which previews may share. */
  readonly sharedHeadersId: string;
}

/**
 * What CloudFormation does on behalf of a preview, by the type of the resource: to create it, to change it, to read it
 * and to delete it. Only types that a preview has are here, and a test compares the two.
 *
 * IAM cannot name some of the resources: their ids are random, as those of APIs and distributions are. What is done to
 * them is allowed for every one of the account, which therefore holds previews and nothing else.
 *
 * Source: the actions, resource types and condition keys of each service in
 * https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html,
 * and the `handlers` of each type's schema in
 * https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schemas.html
 */
export function executionRights({ arns, boundaryArn, qualifier, sharedHeadersId }: ExecutionContext): Record<string, Right[]> {
  const assets = { actions: ['s3:GetObject'], resources: [assetsBucket(arns, qualifier, '/*')] };
  return {
    'AWS::SSM::Parameter::Value<String>': [
      {
        actions: ['ssm:GetParameters'],
        resources: [arns.arn('ssm', `parameter/cdk-bootstrap/${qualifier}/version`)],
      },
    ],
    ...queueRights(arns),
    ...logRights(arns),
    ...roleRights(arns, boundaryArn),
    ...functionRights(arns, assets),
    ...bucketRights(arns),
    ...distributionRights(arns, sharedHeadersId),
    ...apiRights(arns),
    ...alarmRights(arns),
  };
}

export function assetsBucket(arns: PreviewArns, qualifier: string, objects = ''): string {
  return arns.arn('s3', `cdk-${qualifier}-assets-*${objects}`, '', '');
}

function queueRights(arns: PreviewArns): Record<string, Right[]> {
  const onQueues = (...names: string[]): Right[] => [right('sqs', names, ...arns.queues())];
  return {
    'AWS::SQS::Queue': onQueues(
      ...['CreateQueue', 'DeleteQueue', 'GetQueueAttributes', 'GetQueueUrl', 'ListQueueTags', 'SetQueueAttributes'],
      ...['TagQueue', 'UntagQueue'],
    ),
    'AWS::SQS::QueuePolicy': onQueues('GetQueueAttributes', 'SetQueueAttributes'),
  };
}

function logRights(arns: PreviewArns): Record<string, Right[]> {
  return {
    'AWS::Logs::LogGroup': [
      right(
        'logs',
        [
          ...['CreateLogGroup', 'DeleteLogGroup', 'PutRetentionPolicy', 'DeleteRetentionPolicy'],
          ...['GetDataProtectionPolicy', 'ListTagsForResource', 'TagResource', 'UntagResource'],
        ],
        ...arns.logGroups(),
      ),
      right('logs', ['DescribeIndexPolicies', 'DescribeLogGroups'], '*'),
    ],
  };
}

/**
 * A preview's roles may be made and changed only within the boundary, and be handed to Lambda only. Nothing takes the
 * boundary away again.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
 */
function roleRights(arns: PreviewArns, boundaryArn: string): Record<string, Right[]> {
  const roles = arns.roles();
  const bounded = { StringEquals: { 'iam:PermissionsBoundary': boundaryArn } };
  const inlinePolicies = right('iam', ['PutRolePolicy'], ...roles);
  const plain = right('iam', ['DeleteRolePolicy', 'GetRolePolicy'], ...roles);
  return {
    'AWS::IAM::Role': [
      {
        ...right('iam', ['CreateRole', 'PutRolePermissionsBoundary', 'PutRolePolicy', 'UpdateAssumeRolePolicy'], ...roles),
        conditions: bounded,
      },
      right(
        'iam',
        [
          ...['DeleteRole', 'DeleteRolePolicy', 'GetRole', 'GetRolePolicy', 'ListAttachedRolePolicies'],
          ...['ListRolePolicies', 'ListRoleTags', 'TagRole', 'UntagRole', 'UpdateRole'],
        ],
        ...roles,
      ),
    ],
    'AWS::IAM::Policy': [{ ...inlinePolicies, conditions: bounded }, plain],
  };
}

function functionRights(arns: PreviewArns, assets: Right): Record<string, Right[]> {
  const functions = arns.functions();
  // The layers have no names of their own: CloudFormation names each after its logical id, which CDK chooses.
  const layer = arns.arn('lambda', 'layer:*AwsCliLayer*');
  const toFunctions = { ArnLike: { 'lambda:FunctionArn': functions } };
  // CloudFormation calls the function behind a custom resource with the rights that it has here.
  const custom = [right('lambda', ['InvokeFunction'], ...functions)];
  return {
    'AWS::Lambda::Function': [
      right(
        'lambda',
        [
          ...['CreateFunction', 'DeleteFunction', 'GetFunction', 'GetFunctionCodeSigningConfig'],
          ...['GetFunctionConfiguration', 'GetFunctionRecursionConfig', 'GetFunctionScalingConfig'],
          ...['GetRuntimeManagementConfig', 'ListTags', 'TagResource', 'UntagResource', 'UpdateFunctionCode'],
          'UpdateFunctionConfiguration',
        ],
        ...functions,
      ),
      right('lambda', ['GetLayerVersion'], layer),
      { ...right('iam', ['PassRole'], ...arns.roles()), conditions: { StringEquals: { 'iam:PassedToService': 'lambda.amazonaws.com' } } },
      assets,
    ],
    'AWS::Lambda::EventSourceMapping': [
      // A mapping that is only about to be has no ARN, and the others have random ones.
      {
        ...right('lambda', ['CreateEventSourceMapping', 'DeleteEventSourceMapping', 'UpdateEventSourceMapping'], '*'),
        conditions: toFunctions,
      },
      // A deletion is over when the mapping cannot be read any more. A mapping that is gone has no function for a
      // condition to compare, so reading has none: it would be denied in place of not found, and the deletion fail.
      right('lambda', ['GetEventSourceMapping', 'ListTags', 'TagResource', 'UntagResource'], arns.mappings()),
    ],
    'AWS::Lambda::LayerVersion': [
      right('lambda', ['DeleteLayerVersion', 'GetLayerVersion', 'PublishLayerVersion'], layer),
      assets,
    ],
    'AWS::Lambda::Permission': [right('lambda', ['AddPermission', 'GetPolicy', 'RemovePermission'], ...functions)],
    'Custom::CDKBucketDeployment': custom,
    'Custom::S3AutoDeleteObjects': custom,
  };
}

function bucketRights(arns: PreviewArns): Record<string, Right[]> {
  const onBuckets = (...names: string[]): Right[] => [right('s3', names, ...arns.buckets())];
  return {
    'AWS::S3::Bucket': onBuckets(
      ...['CreateBucket', 'DeleteBucket', 'ListBucket', 'PutBucketOwnershipControls', 'PutBucketPublicAccessBlock'],
      ...['GetBucketOwnershipControls', 'GetBucketPublicAccessBlock', 'GetEncryptionConfiguration'],
      ...['PutEncryptionConfiguration', 'GetBucketTagging', 'PutBucketTagging', 'ListTagsForResource', 'TagResource'],
      'UntagResource',
    ),
    'AWS::S3::BucketPolicy': onBuckets('DeleteBucketPolicy', 'GetBucketPolicy', 'PutBucketPolicy'),
  };
}

/**
 * A response headers policy has neither a name in its ARN nor tags, so previews' own ones are allowed as all of them. The
 * account's is excepted: what every preview may share is no preview's to change.
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudfront.html
 */
function distributionRights(arns: PreviewArns, sharedHeadersId: string): Record<string, Right[]> {
  const all = (kind: string) => arns.arn('cloudfront', `${kind}/*`, '');
  const managed = (kind: string, name: string): Right[] => [
    right('cloudfront', [`Create${name}`], '*'),
    right('cloudfront', [`Delete${name}`, `Get${name}`, `Get${name}Config`, `Update${name}`], all(kind)),
  ];
  return {
    'AWS::CloudFront::ResponseHeadersPolicy': [
      ...managed('response-headers-policy', 'ResponseHeadersPolicy'),
      {
        ...right(
          'cloudfront',
          ['DeleteResponseHeadersPolicy', 'UpdateResponseHeadersPolicy'],
          arns.arn('cloudfront', `response-headers-policy/${sharedHeadersId}`, ''),
        ),
        denies: true,
      },
    ],
    'AWS::CloudFront::OriginAccessControl': managed('origin-access-control', 'OriginAccessControl'),
    'AWS::CloudFront::Distribution': [
      ...managed('distribution', 'Distribution'),
      right('cloudfront', ['ListTagsForResource', 'TagResource', 'UntagResource'], all('distribution')),
      // A distribution is told the ids of these two, and CloudFront looks whether the caller may see them.
      right('cloudfront', ['GetResponseHeadersPolicy'], all('response-headers-policy')),
      right('cloudfront', ['GetOriginAccessControl'], all('origin-access-control')),
    ],
  };
}

/**
 * API Gateway knows its own methods, and APIs by their ids. Tags of a stage it asks for by the name of the action, on the
 * stage, which no method stands for: the handlers of the type AWS::ApiGatewayV2::Stage name it, and IAM's reference of
 * API Gateway does not. It delivers a log through CloudWatch Logs, which wants
 * these rights of whoever sets it up.
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging.html
 */
function apiRights(arns: PreviewArns): Record<string, Right[]> {
  const apis = ['/apis', '/apis/*'].map((path) => arns.arn('apigateway', path, undefined, ''));
  const tags = arns.arn('apigateway', '/tags/*', undefined, '');
  const methods = right('apigateway', ['DELETE', 'GET', 'PATCH', 'POST', 'PUT', 'TagResource', 'UntagResource'], ...apis, tags);
  const serviceRole = 'role/aws-service-role/ops.apigateway.amazonaws.com/AWSServiceRoleForAPIGateway';
  return {
    'AWS::ApiGatewayV2::Api': [
      methods,
      // The first API of an account makes it.
      {
        ...right('iam', ['CreateServiceLinkedRole'], arns.arn('iam', serviceRole, '')),
        conditions: { StringEquals: { 'iam:AWSServiceName': 'ops.apigateway.amazonaws.com' } },
      },
    ],
    'AWS::ApiGatewayV2::Integration': [methods],
    'AWS::ApiGatewayV2::Route': [methods],
    'AWS::ApiGatewayV2::Stage': [
      methods,
      right(
        'logs',
        [
          ...['CreateLogDelivery', 'DeleteLogDelivery', 'DescribeLogGroups', 'DescribeResourcePolicies'],
          ...['GetLogDelivery', 'ListLogDeliveries', 'PutResourcePolicy', 'UpdateLogDelivery'],
        ],
        '*',
      ),
    ],
  };
}

/**
 * An alarm may stop and terminate instances, and run what Systems Manager has, with CloudWatch's rights and not with those
 * of whoever makes it. So previews' alarms tell topics, or nobody.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/iam-cw-condition-keys-alarm-actions.html
 */
function alarmRights(arns: PreviewArns): Record<string, Right[]> {
  const tags = ['ListTagsForResource', 'TagResource', 'UntagResource'];
  const others = { 'ForAnyValue:StringNotLike': { 'cloudwatch:AlarmActions': [arns.arn('sns', '*', '*', '*')] } };
  return {
    'AWS::CloudWatch::Alarm': [
      right('cloudwatch', ['DeleteAlarms', 'PutMetricAlarm', ...tags], ...arns.alarms()),
      { ...right('cloudwatch', ['PutMetricAlarm'], '*'), conditions: others, denies: true },
      // Whoever asks for composite alarms, too, needs it for all of them.
      // https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html
      right('cloudwatch', ['DescribeAlarms'], '*'),
    ],
    'AWS::CloudWatch::Dashboard': [
      right('cloudwatch', ['DeleteDashboards', 'GetDashboard', 'PutDashboard', ...tags], ...arns.dashboards()),
    ],
  };
}

function right(service: string, names: readonly string[], ...resources: string[]): Right {
  return { actions: names.map((name) => `${service}:${name}`), resources };
}

/**
 * The most that a role of a preview may do, whatever its own policy says: what its functions do with its queues, its
 * log groups, its bucket, and the assets that fill the bucket.
 */
export function boundaryRights(arns: PreviewArns, qualifier: string): Right[] {
  const read = ['GetBucket*', 'GetObject*', 'List*'];
  return [
    right('logs', ['CreateLogStream', 'PutLogEvents'], ...arns.logGroups()),
    right(
      'sqs',
      ['ChangeMessageVisibility', 'DeleteMessage', 'GetQueueAttributes', 'GetQueueUrl', 'ReceiveMessage', 'SendMessage'],
      ...arns.queues(),
    ),
    right('s3', read, assetsBucket(arns, qualifier), assetsBucket(arns, qualifier, '/*')),
    right(
      's3',
      [...read, 'Abort*', 'DeleteObject*', 'PutBucketPolicy', 'PutObject*'],
      ...arns.buckets(),
      ...arns.objects(),
    ),
    // The assets, and the variables of functions, are encrypted with AWS's own keys, whose policies let whoever may use
    // the service use them. A boundary that names no key may take that away again.
    {
      ...right('kms', ['Decrypt'], arns.arn('kms', 'key/*')),
      conditions: { StringEquals: { 'kms:ViaService': ['lambda', 's3'].flatMap((service) => arns.endpoints(service)) } },
    },
  ];
}

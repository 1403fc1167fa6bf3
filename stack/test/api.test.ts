import { describe, expect, test } from 'vitest';
import { Preview, defaultPreview as preview, property } from './support.ts';

const [apiId, api] = preview.single('AWS::ApiGatewayV2::Api');
const [distributionId] = preview.single('AWS::CloudFront::Distribution');
const [queueId, queue] = preview.single('AWS::SQS::Queue', (each) => each.Properties?.['RedrivePolicy'] !== undefined);

describe('the routes', () => {
  test.each([
    ['GET /hello', 'hello'],
    ['POST /jobs', 'submit-job'],
  ])('%s reaches %s with payload format 2.0', (routeKey, binary) => {
    const [, route] = preview.single('AWS::ApiGatewayV2::Route', (each) => each.Properties?.['RouteKey'] === routeKey);
    const target = property<{ 'Fn::Join': [string, [string, { Ref: string }]] }>(route, 'Target')['Fn::Join'][1][1].Ref;
    const [functionId] = preview.rustFunction(binary);
    expect(preview.resources[target]).toMatchObject({
      Type: 'AWS::ApiGatewayV2::Integration',
      Properties: {
        ApiId: { Ref: apiId },
        IntegrationType: 'AWS_PROXY',
        IntegrationUri: { 'Fn::GetAtt': [functionId, 'Arn'] },
        PayloadFormatVersion: '2.0',
      },
    });
    const [, permission] = preview.single(
      'AWS::Lambda::Permission',
      (each) => JSON.stringify(each.Properties?.['FunctionName']) === JSON.stringify({ 'Fn::GetAtt': [functionId, 'Arn'] }),
    );
    expect(permission.Properties).toMatchObject({
      Action: 'lambda:InvokeFunction',
      Principal: 'apigateway.amazonaws.com',
    });
  });

  test('there are no others, and the default stage serves them', () => {
    preview.template.resourceCountIs('AWS::ApiGatewayV2::Route', 2);
    expect(preview.single('AWS::ApiGatewayV2::Stage')[1].Properties).toMatchObject({
      ApiId: { Ref: apiId },
      StageName: '$default',
      AutoDeploy: true,
    });
  });
});

test('the stage is throttled, and logs each request into the stack', () => {
  const [, stage] = preview.single('AWS::ApiGatewayV2::Stage');
  expect(stage.Properties).toMatchObject({
    DefaultRouteSettings: { ThrottlingRateLimit: 50, ThrottlingBurstLimit: 100 },
  });
  const settings = property<{ DestinationArn: { 'Fn::GetAtt': [string, string] }; Format: string }>(
    stage,
    'AccessLogSettings',
  );
  expect(JSON.parse(settings.Format)).toMatchObject({ routeKey: '$context.routeKey', status: '$context.status' });
  expect(preview.resources[settings.DestinationArn['Fn::GetAtt'][0]]).toMatchObject({
    Type: 'AWS::Logs::LogGroup',
    DeletionPolicy: 'Delete',
    // Only with this prefix does API Gateway need no statement of its own in the account's one policy.
    Properties: { LogGroupName: '/aws/vendedlogs/apis/Stack-PR123', RetentionInDays: 7 },
  });
});

test('origins on a developer machine may call the API where the context names them', () => {
  const local = new Preview({ localOrigins: 'http://localhost:5173,http://127.0.0.1:8080' });
  const [, localApi] = local.single('AWS::ApiGatewayV2::Api');
  expect(property<{ AllowOrigins: unknown[] }>(localApi, 'CorsConfiguration').AllowOrigins).toEqual([
    { 'Fn::Join': ['', ['https://', { 'Fn::GetAtt': [distributionId, 'DomainName'] }]] },
    'http://localhost:5173',
    'http://127.0.0.1:8080',
  ]);
});

test('only the page may call the API from a browser', () => {
  expect(api.Properties).toMatchObject({ ProtocolType: 'HTTP' });
  expect(property<object>(api, 'CorsConfiguration')).toEqual({
    AllowOrigins: [{ 'Fn::Join': ['', ['https://', { 'Fn::GetAtt': [distributionId, 'DomainName'] }]] }],
    AllowMethods: ['GET', 'POST', 'OPTIONS'],
    AllowHeaders: ['content-type'],
    MaxAge: 3600,
  });
});

describe('the functions', () => {
  test('hello knows which preview it belongs to', () => {
    const [id, hello] = new Preview({ pr: '7', sha: 'abcdef0123' }).rustFunction('hello');
    expect(hello.Properties).toMatchObject({
      Timeout: 5,
      Environment: { Variables: { PR_NUMBER: '7', PREVIEW_VERSION: 'abcdef0123' } },
    });
    expect(preview.allowed(id).flatMap(({ actions }) => actions)).toEqual([
      'logs:CreateLogStream',
      'logs:PutLogEvents',
    ]);
  });

  test('hello tells its own version where no commit is given', () => {
    const [, hello] = preview.rustFunction('hello');
    expect(property(hello, 'Environment')).toEqual({ Variables: { PR_NUMBER: '123' } });
  });

  test("submit-job knows the queue and the queue's own limit, and may only send to it", () => {
    const [id, submitJob] = preview.rustFunction('submit-job');
    expect(submitJob.Properties).toMatchObject({ Timeout: 10 });
    expect(property(submitJob, 'Environment')).toEqual({
      Variables: {
        PR_NUMBER: '123',
        QUEUE_URL: { Ref: queueId },
        JOBS_MAX_MESSAGE_BYTES: String(property<number>(queue, 'MaximumMessageSize')),
      },
    });
    expect(preview.allowed(id).filter(({ actions }) => actions.some((action) => !action.startsWith('logs:')))).toEqual([
      { actions: ['sqs:SendMessage'], resource: { 'Fn::GetAtt': [queueId, 'Arn'] } },
    ]);
  });
});

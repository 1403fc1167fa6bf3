import { Duration, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import { AccessLogField, AccessLogFormat } from 'aws-cdk-lib/aws-apigateway';
import * as apigateway from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import * as logs from 'aws-cdk-lib/aws-logs';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { RustFunction } from './functions.ts';
import { JOBS_MAX_MESSAGE_BYTES } from './jobs.ts';
import type { Architecture } from './settings.ts';

const HELLO_PATH = '/hello';
const JOBS_PATH = '/jobs';

export interface ApiProps {
  readonly pr: string;
  /** The commit, where it is known. */
  readonly sha: string | undefined;
  readonly architecture: Architecture;
  readonly placeholder: boolean;
  readonly jobsQueue: sqs.IQueue;
  /** The origins whose pages may call the API, such as `https://example.cloudfront.net`. */
  readonly allowedOrigins: string[];
}

/** The HTTP API and the functions behind its routes. */
export class Api extends Construct {
  /** Where the API says hello. */
  readonly helloUrl: string;
  /** Where jobs are posted to. */
  readonly jobUrl: string;
  readonly httpApi: apigateway.HttpApi;
  readonly hello: RustFunction;
  readonly submitJob: RustFunction;
  /** One line of JSON per request. */
  readonly accessLog: logs.LogGroup;

  constructor(scope: Construct, id: string, props: ApiProps) {
    super(scope, id);

    this.httpApi = new apigateway.HttpApi(this, 'HttpApi', {
      // The default is the construct's id, the same in every preview.
      apiName: `${Stack.of(this).stackName}-api`,
      corsPreflight: {
        allowOrigins: props.allowedOrigins,
        allowMethods: [
          apigateway.CorsHttpMethod.GET,
          apigateway.CorsHttpMethod.POST,
          apigateway.CorsHttpMethod.OPTIONS,
        ],
        allowHeaders: ['content-type'],
        maxAge: Duration.hours(1),
      },
      createDefaultStage: false,
    });
    Validations.of(this.httpApi).acknowledge({
      id: 'AwsSolutions-APIG4',
      reason: 'Whoever has the link may try the preview. It holds no data, its requests are throttled, and it expires.',
    });
    this.accessLog = this.addStage();
    this.hello = this.makeHello(props);
    this.submitJob = this.makeSubmitJob(props);
    this.addRoute(apigateway.HttpMethod.GET, HELLO_PATH, 'Hello', this.hello);
    this.addRoute(apigateway.HttpMethod.POST, JOBS_PATH, 'SubmitJob', this.submitJob);

    // The API's own attribute, not a URL put together from the API's id and the region.
    this.helloUrl = `${this.httpApi.apiEndpoint}${HELLO_PATH}`;
    this.jobUrl = `${this.httpApi.apiEndpoint}${JOBS_PATH}`;
  }

  private makeHello({ pr, sha, architecture, placeholder }: ApiProps): RustFunction {
    return new RustFunction(this, 'Hello', {
      binary: 'hello',
      description: 'Says which preview this is.',
      timeout: Duration.seconds(5),
      environment: { PR_NUMBER: pr, ...(sha !== undefined && { PREVIEW_VERSION: sha }) },
      architecture,
      placeholder,
    });
  }

  private makeSubmitJob({ pr, jobsQueue, architecture, placeholder }: ApiProps): RustFunction {
    const submitJob = new RustFunction(this, 'SubmitJob', {
      binary: 'submit-job',
      description: 'Validates a job and puts it on the queue.',
      timeout: Duration.seconds(10),
      environment: {
        PR_NUMBER: pr,
        QUEUE_URL: jobsQueue.queueUrl,
        JOBS_MAX_MESSAGE_BYTES: String(JOBS_MAX_MESSAGE_BYTES),
      },
      architecture,
      placeholder,
    });
    // Queue.grantSendMessages would add GetQueueUrl and GetQueueAttributes, which the function never calls.
    jobsQueue.grant(submitJob.function, 'sqs:SendMessage');
    return submitJob;
  }

  private addRoute(method: apigateway.HttpMethod, path: string, id: string, target: RustFunction): void {
    this.httpApi.addRoutes({
      path,
      methods: [method],
      integration: new HttpLambdaIntegration(`${id}Integration`, target.function, {
        payloadFormatVersion: apigateway.PayloadFormatVersion.VERSION_2_0,
      }),
    });
  }

  /** Adds the stage that serves the API at its root, and returns its access log. */
  private addStage(): logs.LogGroup {
    const accessLog = new logs.LogGroup(this, 'AccessLog', {
      // For each log group with another prefix, API Gateway adds a statement to one policy of the account, which
      // has room for a few dozen: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-infrastructure-CWL.html
      logGroupName: `/aws/vendedlogs/apis/${Stack.of(this).stackName}`,
      retention: logs.RetentionDays.ONE_WEEK,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.httpApi.addStage('DefaultStage', {
      stageName: '$default',
      autoDeploy: true,
      // Enough for people, checks and experiments. Whoever uses all of it, all day, costs some 15 US dollars: SQS bills each
      // 64 KiB of a message as a request, so that no message is larger.
      // https://aws.amazon.com/sqs/pricing/
      throttle: { rateLimit: 50, burstLimit: 100 },
      accessLogSettings: {
        destination: new apigateway.LogGroupLogDestination(accessLog),
        format: AccessLogFormat.custom(
          JSON.stringify({
            requestId: AccessLogField.contextRequestId(),
            time: AccessLogField.contextRequestTime(),
            routeKey: '$context.routeKey',
            status: AccessLogField.contextStatus(),
            integrationError: '$context.integrationErrorMessage',
            error: AccessLogField.contextErrorMessage(),
            latencyMilliseconds: AccessLogField.contextResponseLatency(),
            sourceIp: AccessLogField.contextIdentitySourceIp(),
          }),
        ),
      },
    });
    return accessLog;
  }
}

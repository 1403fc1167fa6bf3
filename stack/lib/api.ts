import { Duration, Stack } from 'aws-cdk-lib';
import * as apigateway from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { RustFunction } from './functions.ts';
import { JOBS_MAX_MESSAGE_BYTES } from './jobs.ts';

export interface ApiProps {
  readonly pr: string;
  readonly sha: string;
  readonly placeholder: boolean;
  readonly jobsQueue: sqs.IQueue;
  /** The one origin whose pages may call the API, such as `https://example.cloudfront.net`. */
  readonly allowedOrigin: string;
}

/** The HTTP API and the functions behind its routes. */
export class Api extends Construct {
  /** The base URL, without a slash at the end. */
  readonly url: string;
  /** Where jobs are posted to. */
  readonly jobUrl: string;

  constructor(scope: Construct, id: string, props: ApiProps) {
    super(scope, id);

    const hello = new RustFunction(this, 'Hello', {
      binary: 'hello',
      description: 'Says which preview this is.',
      timeout: Duration.seconds(5),
      environment: { PREVIEW_PR: props.pr, PREVIEW_VERSION: props.sha },
      placeholder: props.placeholder,
    });

    const submitJob = new RustFunction(this, 'SubmitJob', {
      binary: 'submit-job',
      description: 'Validates a job and puts it on the queue.',
      timeout: Duration.seconds(10),
      environment: {
        JOBS_QUEUE_URL: props.jobsQueue.queueUrl,
        JOBS_MAX_MESSAGE_BYTES: String(JOBS_MAX_MESSAGE_BYTES),
      },
      placeholder: props.placeholder,
    });
    // Queue.grantSendMessages would add GetQueueUrl and GetQueueAttributes, which the function never calls.
    props.jobsQueue.grant(submitJob.function, 'sqs:SendMessage');

    const httpApi = new apigateway.HttpApi(this, 'HttpApi', {
      // The default is the construct's id, the same in every preview.
      apiName: `${Stack.of(this).stackName}-api`,
      corsPreflight: {
        allowOrigins: [props.allowedOrigin],
        allowMethods: [
          apigateway.CorsHttpMethod.GET,
          apigateway.CorsHttpMethod.POST,
          apigateway.CorsHttpMethod.OPTIONS,
        ],
        allowHeaders: ['content-type'],
        maxAge: Duration.hours(1),
      },
    });
    const integration = (name: string, target: RustFunction) =>
      new HttpLambdaIntegration(name, target.function, {
        payloadFormatVersion: apigateway.PayloadFormatVersion.VERSION_2_0,
      });
    httpApi.addRoutes({
      path: '/hello',
      methods: [apigateway.HttpMethod.GET],
      integration: integration('HelloIntegration', hello),
    });
    httpApi.addRoutes({
      path: '/jobs',
      methods: [apigateway.HttpMethod.POST],
      integration: integration('SubmitJobIntegration', submitJob),
    });

    // The API's own attribute, not a URL put together from the API's id and the region.
    this.url = httpApi.apiEndpoint;
    this.jobUrl = `${this.url}/jobs`;
  }
}

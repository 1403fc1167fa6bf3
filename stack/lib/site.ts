import { join } from 'node:path';
import { CfnResource, Duration, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import { S3BucketOrigin } from 'aws-cdk-lib/aws-cloudfront-origins';
import * as s3 from 'aws-cdk-lib/aws-s3';
import * as s3deploy from 'aws-cdk-lib/aws-s3-deployment';
import { Construct } from 'constructs';
import { DeploymentHelpers } from './deployment-helpers.ts';
import { REPOSITORY_ROOT, SITE_DIRECTORY } from './paths.ts';
import { SecurityHeaders } from './security-headers.ts';

/** The file through which the page learns where its API is. */
const CONFIG_FILE = 'config.js';

/**
 * A new commit's page must not lose to a copy of the last one. Browsers ask again each time, and CloudFront after the
 * least time of its cache policy, which is a second. So no deployment invalidates anything: a new distribution has
 * nothing cached, and CDK's function fails a deployment whose invalidation takes longer than 13 minutes.
 * https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/Expiration.html
 * https://github.com/aws/aws-cdk/issues/15891
 */
const UNCACHED = [s3deploy.CacheControl.noCache()];

/** What the page needs to know; the values may be tokens that only the deployment resolves. */
export interface PageConfig {
  readonly apiUrl: string;
  readonly jobUrl: string;
  /** What becomes of a job that fails every time, so that the page can say what to expect. */
  readonly retries: { readonly maxReceiveCount: number; readonly visibilityTimeoutSeconds: number };
}

export interface SiteProps {
  readonly comment: string;
  /** What the bucket is called; CloudFormation chooses by default. */
  readonly bucketName?: string | undefined;
  /** The id of the response headers policy to use; one of its own by default. */
  readonly headersPolicy?: string | undefined;
  /** The run that deploys; each writes every file again. */
  readonly run?: string | undefined;
}

/** The page: a private bucket, and the distribution that alone may read it. */
export class Site extends Construct {
  readonly bucket: s3.Bucket;
  readonly distribution: cloudfront.Distribution;
  /** The page's origin, as browsers send it: without a slash at the end. */
  readonly origin: string;

  private readonly files: s3deploy.BucketDeployment;
  private readonly helpers: DeploymentHelpers;
  /** What every deployed object says of itself. */
  private readonly metadata: Record<string, string> | undefined;

  constructor(scope: Construct, id: string, props: SiteProps) {
    super(scope, id);

    this.bucket = this.makeBucket(props.bucketName);
    this.distribution = this.makeDistribution(props);
    this.origin = `https://${this.distribution.distributionDomainName}`;
    this.helpers = new DeploymentHelpers(this, 'Helpers', { bucket: this.bucket });
    this.helpers.adoptBucketEmptier();
    this.metadata = metadataOf(props.run);
    this.files = this.deployFiles();
    this.helpers.acknowledgeBucketFiller();
  }

  private makeBucket(bucketName: string | undefined): s3.Bucket {
    const bucket = new s3.Bucket(this, 'Bucket', {
      ...(bucketName !== undefined && { bucketName }),
      blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
      encryption: s3.BucketEncryption.S3_MANAGED,
      objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
      enforceSSL: true,
      removalPolicy: RemovalPolicy.DESTROY,
      autoDeleteObjects: true,
    });
    Validations.of(bucket).acknowledge({
      id: 'AwsSolutions-S1',
      reason: 'Only the distribution reads the bucket; logs of it would need a second bucket, which outlives the preview.',
    });
    return bucket;
  }

  private makeDistribution(props: SiteProps): cloudfront.Distribution {
    const distribution = new cloudfront.Distribution(this, 'Distribution', {
      comment: props.comment,
      defaultRootObject: 'index.html',
      httpVersion: cloudfront.HttpVersion.HTTP2_AND_3,
      priceClass: cloudfront.PriceClass.PRICE_CLASS_100,
      defaultBehavior: {
        origin: S3BucketOrigin.withOriginAccessControl(this.bucket),
        viewerProtocolPolicy: cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
        compress: true,
        // A policy that CloudFront manages: an account may have 20 of its own, fewer than there may be previews.
        cachePolicy: cloudfront.CachePolicy.CACHING_OPTIMIZED,
        responseHeadersPolicy: this.securityHeaders(props.headersPolicy),
      },
      // The bucket answers 403 for an object that does not exist, since the distribution may not list it. Nothing is
      // cached here, so that a file shows up as soon as it is deployed.
      errorResponses: [403, 404].map((httpStatus) => ({
        httpStatus,
        responseHttpStatus: 200,
        responsePagePath: '/index.html',
        ttl: Duration.seconds(0),
      })),
    });
    Validations.of(distribution).acknowledge(
      { id: 'AwsSolutions-CFR1', reason: 'Reviewers may be anywhere.' },
      { id: 'AwsSolutions-CFR2', reason: 'A web ACL costs more a month than the preview, which serves static files.' },
      { id: 'AwsSolutions-CFR3', reason: 'Logs of static files would need a bucket that outlives the preview.' },
      {
        id: 'AwsSolutions-CFR4',
        reason: 'The preview has no domain of its own, and CloudFront sets the protocol of its own certificate.',
      },
    );
    return distribution;
  }

  /** Deploys the page's files, and leaves its configuration alone. */
  private deployFiles(): s3deploy.BucketDeployment {
    const deployment = new s3deploy.BucketDeployment(this, 'Files', {
      sources: [
        s3deploy.Source.asset(join(REPOSITORY_ROOT, SITE_DIRECTORY), {
          exclude: ['.*', CONFIG_FILE],
        }),
      ],
      destinationBucket: this.bucket,
      cacheControl: UNCACHED,
      ...(this.metadata && { metadata: this.metadata }),
      // Files that left the site leave the bucket; the configuration has a deployment of its own and stays.
      prune: true,
      exclude: [CONFIG_FILE],
      role: this.helpers.role,
      logGroup: this.helpers.logGroup,
    });
    addMetadata(deployment, 'verifier:directory', SITE_DIRECTORY);
    return deployment;
  }

  /**
   * The security headers. An account may have 20 policies for them, so an account with more previews than that shares
   * one, which the account's stack holds.
   * https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html
   */
  private securityHeaders(sharedPolicy: string | undefined): cloudfront.IResponseHeadersPolicy {
    if (sharedPolicy !== undefined) {
      return cloudfront.ResponseHeadersPolicy.fromResponseHeadersPolicyId(this, 'SharedHeaders', sharedPolicy);
    }
    return new SecurityHeaders(this, 'Headers', { name: `${Stack.of(this).stackName}-security-headers` }).policy;
  }

  /**
   * Deploys the page's configuration. It is a deployment of its own because only it depends on the API: the
   * distribution does not, and so the API can allow the distribution's origin.
   */
  deployConfig(config: PageConfig): void {
    const content = configFile(config);
    const deployment = new s3deploy.BucketDeployment(this, 'Config', {
      sources: [s3deploy.Source.data(CONFIG_FILE, content)],
      destinationBucket: this.bucket,
      cacheControl: UNCACHED,
      ...(this.metadata && { metadata: this.metadata }),
      prune: false,
      role: this.helpers.role,
      logGroup: this.helpers.logGroup,
    });
    deployment.node.addDependency(this.files);
    addMetadata(deployment, 'verifier:files', { [CONFIG_FILE]: content });
  }
}

/**
 * The run, as metadata of every object. CloudFormation runs a custom resource again only if its properties differ, and
 * those of the same commit do not: without this, a file that somebody overwrote would stay whatever is deployed.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/crpg-ref-requesttypes-update.html
 */
function metadataOf(run: string | undefined): Record<string, string> | undefined {
  return run === undefined ? undefined : { run };
}

/** The content of the configuration file. Tokens survive the JSON encoding, as do the URLs they stand for. */
function configFile(config: PageConfig): string {
  return [
    `window.__PREVIEW_API_URL__ = ${JSON.stringify(config.apiUrl)};\n`,
    `window.__PREVIEW_JOB_URL__ = ${JSON.stringify(config.jobUrl)};\n`,
    `window.__PREVIEW_RETRIES__ = ${JSON.stringify(config.retries)};\n`,
  ].join('');
}

/** Tells whoever serves the template without the assets, as the local emulator does, what is deployed. */
function addMetadata(deployment: s3deploy.BucketDeployment, key: string, value: unknown): void {
  const customResource = deployment.node.findAll().find(
    (child): child is CfnResource =>
      CfnResource.isCfnResource(child) && child.cfnResourceType === 'Custom::CDKBucketDeployment',
  );
  if (customResource === undefined) {
    throw new Error(`${deployment.node.path} has no custom resource: this version of aws-cdk-lib builds it differently`);
  }
  customResource.addMetadata(key, value);
}

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { REPOSITORY_ROOT, SITE_DIRECTORY } from '../lib/paths.ts';
import { defaultPreview as preview, property } from './support.ts';

const [bucketId, bucket] = preview.single('AWS::S3::Bucket');
const [distributionId, distribution] = preview.single('AWS::CloudFront::Distribution');
const [apiId] = preview.single('AWS::ApiGatewayV2::Api');
const [filesId, files] = preview.single(
  'Custom::CDKBucketDeployment',
  (each) => each.Metadata?.['verifier:directory'] !== undefined,
);
const [, config] = preview.single(
  'Custom::CDKBucketDeployment',
  (each) => each.Metadata?.['verifier:files'] !== undefined,
);

interface DistributionConfig {
  readonly Origins: Record<string, unknown>[];
  readonly CustomErrorResponses: unknown[];
}
const distributionConfig = property<DistributionConfig>(distribution, 'DistributionConfig');

interface Statement {
  readonly Effect: string;
  readonly Principal: Record<string, unknown>;
  readonly Condition?: unknown;
}
const statements = property<{ Statement: Statement[] }>(
  preview.single('AWS::S3::BucketPolicy')[1],
  'PolicyDocument',
).Statement;

describe('the bucket', () => {
  test('is private', () => {
    expect(property(bucket, 'PublicAccessBlockConfiguration')).toEqual({
      BlockPublicAcls: true,
      BlockPublicPolicy: true,
      IgnorePublicAcls: true,
      RestrictPublicBuckets: true,
    });
    expect(bucket.Properties).not.toHaveProperty('WebsiteConfiguration');
    expect(statements.filter(({ Effect, Principal }) => Effect === 'Allow' && Principal['AWS'] === '*')).toEqual([]);
  });

  test('refuses plain HTTP', () => {
    expect(statements).toContainEqual(
      expect.objectContaining({
        Effect: 'Deny',
        Action: 's3:*',
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      }),
    );
  });

  test('is emptied and deleted with the stack', () => {
    expect(bucket.DeletionPolicy).toBe('Delete');
    expect(property(preview.single('Custom::S3AutoDeleteObjects')[1], 'BucketName')).toEqual({ Ref: bucketId });
  });
});

describe('the distribution', () => {
  test('reads the bucket by origin access control', () => {
    const [controlId, control] = preview.single('AWS::CloudFront::OriginAccessControl');
    expect(property(control, 'OriginAccessControlConfig')).toMatchObject({
      OriginAccessControlOriginType: 's3',
      SigningBehavior: 'always',
      SigningProtocol: 'sigv4',
    });
    expect(distributionConfig.Origins).toEqual([
      expect.objectContaining({
        DomainName: { 'Fn::GetAtt': [bucketId, 'RegionalDomainName'] },
        OriginAccessControlId: { 'Fn::GetAtt': [controlId, 'Id'] },
      }),
    ]);
  });

  test('alone may read the bucket, beside the function that empties it', () => {
    const allowed = statements.filter(({ Effect }) => Effect === 'Allow');
    expect(allowed).toHaveLength(2);
    expect(allowed).toContainEqual(
      expect.objectContaining({
        Action: 's3:GetObject',
        Principal: { Service: 'cloudfront.amazonaws.com' },
        Condition: {
          StringEquals: {
            'AWS:SourceArn': {
              'Fn::Join': [
                '',
                [
                  'arn:',
                  { Ref: 'AWS::Partition' },
                  ':cloudfront::',
                  { Ref: 'AWS::AccountId' },
                  ':distribution/',
                  { Ref: distributionId },
                ],
              ],
            },
          },
        },
      }),
    );
  });

  test('serves the page over HTTPS, for every path', () => {
    expect(distributionConfig).toMatchObject({
      DefaultRootObject: 'index.html',
      DefaultCacheBehavior: { ViewerProtocolPolicy: 'redirect-to-https' },
    });
    expect(distributionConfig.CustomErrorResponses).toEqual(
      [403, 404].map((ErrorCode) => ({
        ErrorCode,
        ResponseCode: 200,
        ResponsePagePath: '/index.html',
        ErrorCachingMinTTL: 0,
      })),
    );
  });
});

describe('the deployments', () => {
  test('the files come from the site and leave the configuration alone', () => {
    expect(files.Metadata).toEqual({ 'verifier:directory': SITE_DIRECTORY });
    expect(files.Properties).toMatchObject({
      DestinationBucketName: { Ref: bucketId },
      Prune: true,
      Exclude: ['config.js'],
      DistributionId: { Ref: distributionId },
      DistributionPaths: ['/*'],
    });
  });

  test('the configuration comes after the files, prunes nothing and is never cached', () => {
    expect(config.DependsOn).toContain(filesId);
    expect(config.Properties).toMatchObject({
      DestinationBucketName: { Ref: bucketId },
      Prune: false,
      SystemMetadata: { 'cache-control': 'no-cache' },
      DistributionId: { Ref: distributionId },
      DistributionPaths: ['/config.js'],
    });
  });

  test('the configuration tells the page where its API is', () => {
    const endpoint = { 'Fn::GetAtt': [apiId, 'ApiEndpoint'] };
    expect(config.Metadata).toEqual({
      'verifier:files': {
        'config.js': {
          'Fn::Join': [
            '',
            [
              'window.__PREVIEW_API_URL__ = "',
              endpoint,
              '";\nwindow.__PREVIEW_JOB_URL__ = "',
              endpoint,
              '/jobs";\n',
            ],
          ],
        },
      },
    });
    const markers = property<Record<string, unknown>[]>(config, 'SourceMarkers');
    expect(markers.flatMap((each) => Object.values(each))).toEqual([endpoint, endpoint]);
  });
});

describe('the page', () => {
  const html = readFileSync(join(REPOSITORY_ROOT, SITE_DIRECTORY, 'index.html'), 'utf8');
  const scripts = [...html.matchAll(/<script\b([^>]*)>(.*?)<\/script>/gs)];

  test('loads the configuration before the script that reads it, and has no inline script', () => {
    expect(scripts.map(([, attributes]) => /src="([^"]+)"/.exec(attributes ?? '')?.[1])).toEqual([
      '/config.js',
      '/app.js',
    ]);
    expect(scripts.map(([, , body]) => body)).toEqual(['', '']);
    expect(html).not.toMatch(/\son[a-z]+=/);
  });

  test('has every file it refers to, except the configuration, which the deployment writes', () => {
    const present = readdirSync(join(REPOSITORY_ROOT, SITE_DIRECTORY));
    const referenced = [...html.matchAll(/(?:src|href)="\/([^"#]+)"/g)].map(([, path]) => path);
    expect(referenced).toContain('config.js');
    expect(present).not.toContain('config.js');
    expect(present).toEqual(expect.arrayContaining(referenced.filter((path) => path !== 'config.js')));
  });
});

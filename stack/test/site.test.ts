import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { MAX_RECEIVE_COUNT, VISIBILITY_TIMEOUT } from '../lib/jobs.ts';
import { REPOSITORY_ROOT, SITE_DIRECTORY } from '../lib/paths.ts';
import { Preview, defaultPreview as preview, property } from './support.ts';

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

describe('the security headers', () => {
  const [policyId, policy] = preview.single('AWS::CloudFront::ResponseHeadersPolicy');
  interface HeadersConfig {
    readonly SecurityHeadersConfig: Record<string, Record<string, unknown>>;
  }
  const headers = property<HeadersConfig>(policy, 'ResponseHeadersPolicyConfig').SecurityHeadersConfig;
  const contentSecurityPolicy = headers['ContentSecurityPolicy']?.['ContentSecurityPolicy'] as {
    'Fn::Join': [string, (string | { Ref: string })[]];
  };
  /** Each directive with its sources. */
  const directivesOf = (text: string) =>
    new Map(
      text.split(';').map((directive) => {
        const [name = '', ...sources] = directive.trim().split(/\s+/);
        return [name, sources] as const;
      }),
    );
  const directives = directivesOf(
    contentSecurityPolicy['Fn::Join'][1].map((part) => (typeof part === 'string' ? part : `<${part.Ref}>`)).join(''),
  );

  test('are on every answer', () => {
    expect(distributionConfig).toMatchObject({
      DefaultCacheBehavior: { ResponseHeadersPolicyId: { Ref: policyId } },
    });
    expect(headers).toMatchObject({
      ContentTypeOptions: { Override: true },
      FrameOptions: { FrameOption: 'DENY', Override: true },
      ReferrerPolicy: { ReferrerPolicy: 'no-referrer', Override: true },
      StrictTransportSecurity: { AccessControlMaxAgeSec: 365 * 24 * 60 * 60, Override: true },
    });
  });

  test('let the page call APIs of its region, load its own files, and nothing else', () => {
    expect(Object.fromEntries(directives)).toEqual({
      'default-src': ["'none'"],
      'script-src': ["'self'"],
      'style-src': ["'self'"],
      'img-src': ["'self'"],
      'connect-src': ["'self'", 'https://*.execute-api.<AWS::Region>.<AWS::URLSuffix>'],
      'base-uri': ["'none'"],
      'form-action': ["'none'"],
      'frame-ancestors': ["'none'"],
    });
  });

  test('allow whatever the page allows itself, but for the hosts that it does not know', () => {
    const html = readFileSync(join(REPOSITORY_ROOT, SITE_DIRECTORY, 'index.html'), 'utf8');
    const content = /http-equiv="Content-Security-Policy"\s+content="([^"]+)"/.exec(html)?.[1] ?? '';
    const ownDirectives = directivesOf(content);
    expect(ownDirectives.size).toBeGreaterThan(1);
    for (const [name, sources] of ownDirectives) {
      if (name !== 'connect-src') {
        expect(directives.get(name), `${name} of site/index.html`).toEqual(expect.arrayContaining(sources));
      }
    }
  });

  test("are the account's where the context names them", () => {
    const headersPolicy = '67f7725c-6f97-4210-82d7-5512b31e9d03';
    const sharing = new Preview({ headersPolicy });
    sharing.template.resourceCountIs('AWS::CloudFront::ResponseHeadersPolicy', 0);
    expect(property(sharing.single('AWS::CloudFront::Distribution')[1], 'DistributionConfig')).toMatchObject({
      DefaultCacheBehavior: { ResponseHeadersPolicyId: headersPolicy },
    });
  });
});

describe('the deployments', () => {
  test('the files come from the site and leave the configuration alone', () => {
    expect(files.Metadata).toEqual({ 'verifier:directory': SITE_DIRECTORY });
    expect(files.Properties).toMatchObject({
      DestinationBucketName: { Ref: bucketId },
      Prune: true,
      Exclude: ['config.js'],
      SystemMetadata: { 'cache-control': 'no-cache' },
    });
  });

  test('the configuration comes after the files, prunes nothing and is never cached', () => {
    expect(config.DependsOn).toContain(filesId);
    expect(config.Properties).toMatchObject({
      DestinationBucketName: { Ref: bucketId },
      Prune: false,
      SystemMetadata: { 'cache-control': 'no-cache' },
    });
  });

  test('differ with each run, so that each writes every file again, whatever was done to it', () => {
    const deployments = (run?: string) => {
      const { resources } = new Preview({ sha: '0123456789abcdef', ...(run !== undefined && { run }) });
      return Object.values(resources).filter(({ Type }) => Type === 'Custom::CDKBucketDeployment').map(({ Properties }) => Properties);
    };
    const [first, second, again] = [deployments('1/1'), deployments('1/2'), deployments('1/1')];
    expect(first).toHaveLength(2);
    expect(first).toEqual(again);
    for (const [index, properties] of first.entries()) {
      expect(properties).not.toEqual(second[index]);
      expect({ ...properties, UserMetadata: undefined }).toEqual({ ...second[index], UserMetadata: undefined });
      expect(properties?.['UserMetadata']).toEqual({ run: '1/1' });
    }
    for (const properties of deployments()) {
      expect(properties).not.toHaveProperty('UserMetadata');
    }
  });

  test('wait for no invalidation, which nothing needs: CloudFront asks again after a second', () => {
    for (const each of [files, config]) {
      expect(each.Properties).not.toHaveProperty('DistributionId');
    }
    expect(JSON.stringify(preview.resources)).not.toContain('cloudfront:CreateInvalidation');
    // CachingOptimized, whose least time is a second.
    expect(distributionConfig).toMatchObject({
      DefaultCacheBehavior: { CachePolicyId: '658327ea-f89d-4fab-a63d-7e88639e58f6' },
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
              '/hello";\nwindow.__PREVIEW_JOB_URL__ = "',
              endpoint,
              '/jobs";\nwindow.__PREVIEW_RETRIES__ = {"maxReceiveCount":3,"visibilityTimeoutSeconds":60};\n',
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
    const scriptFiles = present.filter((name) => name.endsWith('.js'));
    const imported = scriptFiles.flatMap((name) => [
      ...readFileSync(join(REPOSITORY_ROOT, SITE_DIRECTORY, name), 'utf8').matchAll(/ from '\.\/([^']+)'/g),
    ]);
    const referenced = [...html.matchAll(/(?:src|href)="\/([^"#]+)"/g), ...imported].map(([, path]) => path);
    expect(referenced).toEqual(expect.arrayContaining(['config.js', ...scriptFiles]));
    expect(present).not.toContain('config.js');
    expect(present).toEqual(expect.arrayContaining(referenced.filter((path) => path !== 'config.js')));
  });

  test('falls back to what the queue does', () => {
    const script = readFileSync(join(REPOSITORY_ROOT, SITE_DIRECTORY, 'app.js'), 'utf8');
    expect(script).toContain(
      `DEFAULT_RETRIES = { maxReceiveCount: ${MAX_RECEIVE_COUNT}, visibilityTimeoutSeconds: ${VISIBILITY_TIMEOUT.toSeconds()} };`,
    );
  });
});

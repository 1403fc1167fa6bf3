import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { prebuilt } from '../lib/functions.ts';
import { REPOSITORY_ROOT } from '../lib/paths.ts';
import { Preview, defaultPreview as preview, property } from './support.ts';

const BINARIES = ['hello', 'submit-job', 'worker'];

describe('the Rust functions', () => {
  test('are the three binaries, each once', () => {
    const found = Object.values(preview.resources).flatMap((each) => each.Metadata?.['verifier:binary'] ?? []);
    expect(found.sort()).toEqual(BINARIES);
  });

  test('are packages of the workspace, with a program each', () => {
    const lambdas = join(REPOSITORY_ROOT, 'lambdas');
    const packages = readdirSync(lambdas)
      .filter((folder) => existsSync(join(lambdas, folder, 'src', 'main.rs')))
      .map((folder) => /^name = "([^"]+)"$/m.exec(readFileSync(join(lambdas, folder, 'Cargo.toml'), 'utf8'))?.[1]);
    const members = readFileSync(join(REPOSITORY_ROOT, 'Cargo.toml'), 'utf8');
    const named = Object.values(preview.resources).flatMap((each) => each.Metadata?.['verifier:binary'] ?? []);
    for (const binary of named) {
      expect(packages).toContain(binary);
      expect(members).toContain(`"lambdas/${binary}"`);
    }
  });

  test('run on what the context says', () => {
    const intel = new Preview({ arch: 'x86_64' });
    for (const binary of BINARIES) {
      expect(intel.rustFunction(binary)[1].Properties).toMatchObject({ Architectures: ['x86_64'] });
    }
  });

  test.each(BINARIES)('%s runs on arm64 and logs JSON into a log group of its own', (binary) => {
    const [, resource] = preview.rustFunction(binary);
    expect(resource.Properties).toMatchObject({
      Runtime: 'provided.al2023',
      Architectures: ['arm64'],
      Handler: 'bootstrap',
      LoggingConfig: { LogFormat: 'JSON' },
    });
    const logGroup = property<{ LogGroup: { Ref: string } }>(resource, 'LoggingConfig').LogGroup.Ref;
    expect(preview.resources[logGroup]?.Type).toBe('AWS::Logs::LogGroup');
    const sharing = Object.values(preview.resources).filter((each) =>
      JSON.stringify(each.Properties?.['LoggingConfig'] ?? null).includes(logGroup),
    );
    expect(sharing).toEqual([resource]);
  });
});

describe('every function', () => {
  const functions = Object.entries(preview.resources).filter(([, each]) => each.Type === 'AWS::Lambda::Function');

  test('counts the helpers that CDK adds', () => {
    expect(functions).toHaveLength(BINARIES.length + 2);
  });

  test.each(functions)('%s logs into a log group that is deleted with the stack', (_id, resource) => {
    const logGroup = property<{ LogGroup: { Ref: string } }>(resource, 'LoggingConfig').LogGroup.Ref;
    expect(preview.resources[logGroup]).toMatchObject({
      Type: 'AWS::Logs::LogGroup',
      DeletionPolicy: 'Delete',
      Properties: { RetentionInDays: resource.Metadata?.['verifier:binary'] === 'worker' ? 14 : 7 },
    });
  });

  test('no role may create log groups', () => {
    const text = JSON.stringify(preview.resources);
    expect(text).not.toContain('logs:CreateLogGroup');
    expect(text).not.toContain('AWSLambdaBasicExecutionRole');
  });
});

describe('prebuilt code', () => {
  let root: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'prebuilt-'));
  });

  afterEach(() => {
    rmSync(root, { recursive: true });
  });

  function pack(architecture: string): void {
    const path = join(root, 'target', 'lambda', architecture, 'worker.zip');
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, architecture);
  }

  test('is the archive for the architecture', () => {
    pack('arm64');
    pack('x86_64');
    const app = new App({ outdir: join(root, 'cdk.out') });
    new lambda.Function(new Stack(app), 'Function', {
      runtime: lambda.Runtime.PROVIDED_AL2023,
      handler: 'bootstrap',
      code: prebuilt('worker', 'x86_64', root),
    });
    const { directory } = app.synth();
    const archives = readdirSync(directory).filter((path) => path.endsWith('.zip'));
    expect(archives.map((path) => readFileSync(join(directory, path), 'utf8'))).toEqual(['x86_64']);
  });

  test('that is missing, or there for another architecture only, is an error with the command that builds it', () => {
    pack('x86_64');
    expect(() => prebuilt('worker', 'arm64', root)).toThrow(
      `the function worker is not built (no ${join('target', 'lambda', 'arm64', 'worker.zip')}): run \`cargo xtask package --arch arm64\``,
    );
  });
});

import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { CfnResource, type Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { ExpectedError } from './errors.ts';
import { PLACEHOLDER_DIRECTORY, REPOSITORY_ROOT } from './paths.ts';
import type { Architecture } from './settings.ts';

/** The Rust binaries that the stack deploys, by the names of their packages. */
export type Binary = 'hello' | 'submit-job' | 'worker';

/** The command that builds every binary that the stack deploys; quoted wherever one is missing. */
export function buildCommand(architecture: Architecture): string {
  return `cargo xtask package --arch ${architecture}`;
}

export interface RustFunctionProps {
  readonly binary: Binary;
  readonly description: string;
  readonly timeout: Duration;
  readonly environment?: Record<string, string>;
  readonly architecture: Architecture;
  /** Whether a placeholder stands in for the binary. */
  readonly placeholder: boolean;
  /** How long its log is kept; a week by default. */
  readonly logRetention?: logs.RetentionDays;
}

/** A Lambda function whose code is a prebuilt Rust binary, with a log group that lives and dies with the stack. */
export class RustFunction extends Construct {
  readonly function: lambda.Function;
  readonly logGroup: logs.LogGroup;

  constructor(scope: Construct, id: string, props: RustFunctionProps) {
    super(scope, id);

    // Named like the function in the tutorial, so that it is found by who knows the stack's name alone.
    this.logGroup = new logs.LogGroup(this, 'Logs', {
      logGroupName: logGroupName(this, `${id}Function`),
      retention: props.logRetention ?? logs.RetentionDays.ONE_WEEK,
      removalPolicy: RemovalPolicy.DESTROY,
    });

    // Lambda's managed execution policy allows logs:CreateLogGroup everywhere: lines that are flushed after the
    // log group's deletion would bring it back, and the next deployment of this preview would fail at its name. This
    // role can write to the one log group, and only while it exists.
    const role = new iam.Role(this, 'Role', {
      assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
    });
    this.logGroup.grantWrite(role);

    this.function = new lambda.Function(this, 'Function', {
      description: props.description,
      runtime: lambda.Runtime.PROVIDED_AL2023,
      architecture: props.architecture === 'arm64' ? lambda.Architecture.ARM_64 : lambda.Architecture.X86_64,
      handler: 'bootstrap',
      code: props.placeholder ? lambda.Code.fromAsset(PLACEHOLDER_DIRECTORY) : prebuilt(props.binary, props.architecture),
      memorySize: 256,
      timeout: props.timeout,
      environment: props.environment ?? {},
      role,
      logGroup: this.logGroup,
      loggingFormat: lambda.LoggingFormat.JSON,
    });

    // Names the program to whoever runs the template without the assets, as the local emulator does.
    (this.function.node.defaultChild as CfnResource).addMetadata('verifier:binary', props.binary);
  }
}

/**
 * The name of the log group of a function: where Lambda would look for one of a function that is named like this, and
 * within what the role that verifies may read.
 */
export function logGroupName(scope: Construct, functionName: string): string {
  return `/aws/lambda/${Stack.of(scope).stackName}-${functionName}`;
}

/** The code that was packed for the architecture; an error that names the build command where it was not. */
export function prebuilt(
  binary: Binary,
  architecture: Architecture,
  root: string = REPOSITORY_ROOT,
): lambda.AssetCode {
  // The architecture is part of the path, so that what was built for one is never deployed as the other.
  const archive = join(root, 'target', 'lambda', architecture, `${binary}.zip`);
  if (!existsSync(archive)) {
    throw new ExpectedError(
      `the function ${binary} is not built (no ${relative(root, archive)}): run \`${buildCommand(architecture)}\` ` +
        'at the repository\'s root, or pass `-c placeholder=true` for a template that is only to be read',
    );
  }
  return lambda.Code.fromAsset(archive);
}

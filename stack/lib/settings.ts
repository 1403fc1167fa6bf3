import { type Environment, GITHUB_ID, type Lookup, REPOSITORY, type Rule, environment, optional, qualifier } from './context.ts';

/** The instruction set that the functions are built for, as AWS Lambda names it. */
export type Architecture = 'arm64' | 'x86_64';

/** What the caller tells the app about the preview, read from the CDK context (`-c key=value`). */
export interface PreviewSettings {
  /** The pull request's number, as decimal digits. */
  readonly pr: string;
  /** The repository, as `owner/name`. */
  readonly repo?: string;
  /** GitHub's id of the repository, by which a preview is known after the repository was renamed. */
  readonly repositoryId?: string;
  /** The commit that is deployed, abbreviated or full. */
  readonly sha?: string;
  /** The run that deploys, so that whatever it leaves behind can be traced to it. */
  readonly run?: string;
  /** When the preview may be swept, as a point in time in UTC, or `never`. */
  readonly expiresAt: string;
  /** Where the repository is to be read, without a slash at the end; alarms link to the runbook there. */
  readonly repositoryUrl: string;
  /** Origins on a developer's machine that may call the API as well. */
  readonly localOrigins: readonly string[];
  /** The topic that alarms notify; none in a preview that nobody is on call for. */
  readonly alarmTopic?: string;
  /** The account's own security headers, in place of those of this stack. */
  readonly headersPolicy?: string;
  /** The managed policy that bounds what the stack's roles may do: where the account's stack made one, it asks for it. */
  readonly boundaryArn?: string;
  readonly architecture: Architecture;
  /** The qualifier that the account was bootstrapped with. */
  readonly qualifier: string;
  /** The account and region to deploy to; absent where the template is to fit any environment. */
  readonly environment?: Environment;
  /** Whether the functions get a placeholder in place of their binaries; such a template is only for reading. */
  readonly placeholder: boolean;
}

/** Stands for the repository in links, where nobody says which it is. */
const EXAMPLE_REPOSITORY = 'owner/repo';

const LOCAL_ORIGIN = 'https?://(localhost|127\\.0\\.0\\.1)(:[0-9]{1,5})?';

const RULES = {
  pr: { pattern: /^[1-9][0-9]{0,8}$/, expected: 'a pull request number, such as 123' },
  repo: REPOSITORY,
  repoId: GITHUB_ID,
  sha: { pattern: /^[0-9a-f]{7,64}$/, expected: 'a commit of 7 to 64 lower-case hexadecimal digits' },
  run: { pattern: /^[A-Za-z0-9_.:/=+@-]{1,128}$/, expected: '1 to 128 characters of A-Z a-z 0-9 _ . : / = + - @' },
  expires: {
    pattern: /^(never|[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z)$/,
    expected: 'a time in UTC, such as 2026-12-31T23:00:00Z, or never',
  },
  repositoryUrl: {
    pattern: /^https:\/\/[A-Za-z0-9_.:-]+(\/[A-Za-z0-9_.~-]+)+$/,
    expected: 'the https URL of the repository, without a slash at the end',
  },
  localOrigins: {
    pattern: new RegExp(`^${LOCAL_ORIGIN}(,${LOCAL_ORIGIN})*$`),
    expected: 'origins on this machine, separated by commas, such as http://localhost:5173',
  },
  alarmTopic: { pattern: /^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}$/, expected: "an SNS topic's ARN" },
  boundary: { pattern: /^arn:[a-z-]+:iam::[0-9]{12}:policy\/[\w+=,.@\/-]{1,512}$/, expected: "a managed policy's ARN" },
  headersPolicy: { pattern: /^[0-9a-f-]{36}$/, expected: 'the id of a CloudFront response headers policy' },
  arch: { pattern: /^(arm64|x86_64)$/, expected: 'arm64 or x86_64' },
  placeholder: { pattern: /^(true|false)$/, expected: 'true or false' },
} satisfies Record<string, Rule>;

/** Reads the settings through `lookup`, which answers `undefined` for a key that nobody set. */
export function readSettings(lookup: Lookup): PreviewSettings {
  const read = (key: keyof typeof RULES) => optional(lookup, key, RULES[key]);
  const [repo, sha, run] = [read('repo'), read('sha'), read('run')];
  const [alarmTopic, headersPolicy, env] = [read('alarmTopic'), read('headersPolicy'), environment(lookup)];
  const [repositoryId, boundaryArn] = [read('repoId'), read('boundary')];
  return {
    pr: read('pr') ?? '123',
    ...(repo !== undefined && { repo }),
    ...(repositoryId !== undefined && { repositoryId }),
    ...(sha !== undefined && { sha }),
    ...(run !== undefined && { run }),
    // Not computed from the time of the synthesis, or the same commit would give another template each time.
    expiresAt: read('expires') ?? 'never',
    repositoryUrl: read('repositoryUrl') ?? `https://github.com/${repo ?? EXAMPLE_REPOSITORY}`,
    localOrigins: read('localOrigins')?.split(',') ?? [],
    ...(alarmTopic !== undefined && { alarmTopic }),
    ...(headersPolicy !== undefined && { headersPolicy }),
    ...(boundaryArn !== undefined && { boundaryArn }),
    architecture: read('arch') === 'x86_64' ? 'x86_64' : 'arm64',
    qualifier: qualifier(lookup),
    ...(env && { environment: env }),
    placeholder: read('placeholder') === 'true',
  };
}

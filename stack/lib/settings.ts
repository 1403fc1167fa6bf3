import { ExpectedError } from './errors.ts';

/** What the caller tells the app about the preview, read from the CDK context (`-c key=value`). */
export interface PreviewSettings {
  /** The pull request's number, as decimal digits. */
  readonly pr: string;
  /** The repository, as `owner/name`. */
  readonly repo: string;
  /** The commit that is deployed, abbreviated or full. */
  readonly sha: string;
  /** The run that deploys, so that whatever it leaves behind can be traced to it. */
  readonly run: string;
  /** The account and region to deploy to; absent where the template is to fit any environment. */
  readonly environment?: { readonly account: string; readonly region: string };
  /** Whether the functions get a placeholder in place of their binaries; such a template is only for reading. */
  readonly placeholder: boolean;
}

interface Rule {
  readonly pattern: RegExp;
  readonly expected: string;
}

// Every value ends in a tag, so each pattern stays within the characters that all AWS services accept in tag
// values: https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
const RULES = {
  pr: { pattern: /^[1-9][0-9]{0,8}$/, expected: 'a pull request number, such as 123' },
  repo: { pattern: /^[A-Za-z0-9_.-]{1,100}\/[A-Za-z0-9_.-]{1,100}$/, expected: 'owner/name' },
  sha: { pattern: /^[0-9a-f]{7,64}$/, expected: 'a commit of 7 to 64 lower-case hexadecimal digits' },
  run: { pattern: /^[A-Za-z0-9_.:/=+@-]{1,128}$/, expected: '1 to 128 characters of A-Z a-z 0-9 _ . : / = + - @' },
  acct: { pattern: /^[0-9]{12}$/, expected: 'an account id of 12 digits' },
  reg: { pattern: /^[a-z]{2,}(-[a-z]+)+-[0-9]{1,2}$/, expected: 'a region, such as eu-central-1' },
  placeholder: { pattern: /^(true|false)$/, expected: 'true or false' },
} satisfies Record<string, Rule>;

type Key = keyof typeof RULES;

/** Reads the settings through `lookup`, which answers `undefined` for a key that nobody set. */
export function readSettings(lookup: (key: string) => unknown): PreviewSettings {
  const account = optional(lookup, 'acct');
  const region = optional(lookup, 'reg');
  if ((account === undefined) !== (region === undefined)) {
    throw new ExpectedError('the context values acct and reg belong together: give both, or neither');
  }
  return {
    pr: optional(lookup, 'pr') ?? '123',
    repo: optional(lookup, 'repo') ?? 'owner/repo',
    sha: optional(lookup, 'sha') ?? '0000000',
    run: optional(lookup, 'run') ?? 'local',
    ...(account !== undefined && region !== undefined && { environment: { account, region } }),
    placeholder: optional(lookup, 'placeholder') === 'true',
  };
}

function optional(lookup: (key: string) => unknown, key: Key): string | undefined {
  const value = lookup(key);
  if (value === undefined || value === null) {
    return undefined;
  }
  // The command line yields strings; a context file may hold numbers and booleans.
  const text = String(value);
  const { pattern, expected } = RULES[key];
  if (typeof value === 'object' || !pattern.test(text)) {
    throw new ExpectedError(`the context value ${key} must be ${expected}; found ${JSON.stringify(value)}`);
  }
  return text;
}

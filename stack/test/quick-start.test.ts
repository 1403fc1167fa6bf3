import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { REPOSITORY_ROOT } from '../lib/paths.ts';
import { withTemporaryDirectory } from '../lib/temporary-directory.ts';

const [, section = ''] = readFileSync(join(REPOSITORY_ROOT, 'README.md'), 'utf8').split('\n## Quick start on AWS\n');
const [setUp = '', variables = ''] = [...section.matchAll(/^```sh aws\n([^]*?)\n```$/gm)].map(([, block = '']) => block);

/** Runs blocks of README.md as somebody who pastes them, where the programs answer like this. */
function paste(blocks: string[], programs: { aws?: string; deploy?: string }) {
  return withTemporaryDirectory((folder) => {
    const bodies = { npm: '', gh: 'echo 1', aws: programs.aws ?? '', npx: `case $2 in deploy) ${programs.deploy ?? 'true'} ;; esac` };
    for (const [name, body] of Object.entries(bodies)) {
      writeFileSync(join(folder, name), `#!/usr/bin/env bash\nprintf '%s ' ${name} "$@" >> "${folder}/calls"; echo >> "${folder}/calls"\n${body}\n`, { mode: 0o755 });
    }
    // Whoever pastes has no `set -e`.
    const { stderr } = spawnSync('bash', ['--norc', '-c', blocks.join('\n')], {
      cwd: folder,
      encoding: 'utf8',
      env: { PATH: [folder, process.env['PATH']].join(delimiter) },
    });
    return { stderr, calls: existsSync(join(folder, 'calls')) ? readFileSync(join(folder, 'calls'), 'utf8') : '' };
  });
}

const ANSWERS = `case "$*" in *OutputKey*) echo "of-$(sed "s/.*OutputKey=='\\([A-Za-z]*\\)'.*/\\1/" <<< "$*")" ;; esac`;

describe('the quick start', () => {
  test('bootstraps with the policies of the account', () => {
    const { calls, stderr } = paste([setUp], { aws: ANSWERS });
    expect(calls).toMatch(/^npx cdk deploy --app .*bin\/account\.ts/m);
    expect(calls).toMatch(/^npx cdk bootstrap .*--cloudformation-execution-policies of-ExecutionPolicyArn $/m);
    expect(stderr).toBe('');
  });

  test.each([
    ['has no such output, as an older one', { aws: 'echo' }, 'PreviewAccount has no output ExecutionPolicyArn in eu-central-1'],
    ['is not there', { aws: 'echo "Stack with id PreviewAccount does not exist" >&2; exit 254' }, 'PreviewAccount has no output ExecutionPolicyArn'],
    ['is looked for without a region', { aws: 'echo "You must specify a region" >&2; exit 253' }, 'You must specify a region'],
    ['was not deployed, since somebody said no', { aws: ANSWERS, deploy: 'exit 1' }, ''],
  ])('does not bootstrap, as an administrator, where the account stack %s', (_name, programs, says) => {
    const { calls, stderr } = paste([setUp], programs);
    expect(calls).toContain('npx cdk deploy');
    expect(calls).not.toContain('bootstrap');
    expect(stderr).toContain(says);
  });

  test('knows the region for every AWS CLI, and what to do about a provider that is there already', () => {
    expect(setUp).toMatch(/^export AWS_REGION=(\S+) AWS_DEFAULT_REGION=\1$/m);
    expect(section.split('\n## ')[0]).toContain('-c oidcProvider=');
  });

  test('sets each variable to its output, and none to nothing', () => {
    const { calls } = paste([setUp, variables], { aws: ANSWERS });
    const set = [...calls.matchAll(/^gh variable set (\S+) .*--body (\S*) $/gm)].map(([, name, value]) => [name, value]);
    expect(set).toEqual([
      ['AWS_REGION', 'eu-central-1'],
      ['AWS_DEPLOY_ROLE_ARN', 'of-DeployRoleArn'],
      ['AWS_TEARDOWN_ROLE_ARN', 'of-TeardownRoleArn'],
      ['AWS_VERIFY_ROLE_ARN', 'of-VerifyRoleArn'],
      ['AWS_BOUNDARY_POLICY_ARN', 'of-BoundaryPolicyArn'],
      ['AWS_CHAOS_ROLE_ARN', 'of-ChaosRoleArn'],
    ]);
    expect(paste([setUp, variables], { aws: 'echo' }).calls.match(/gh variable set/g)).toHaveLength(1);
  });
});

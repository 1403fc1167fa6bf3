import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { REPOSITORY_ROOT } from '../lib/paths.ts';
import { withTemporaryDirectory } from '../lib/temporary-directory.ts';

const OPTIONS = ['--pr', '7', '--repo', 'OWNER/NAME', '--region', 'eu-central-1'];

/** Runs preview.sh where the repository has the id 1, PreviewAccount serves this one, and git knows these changes. */
function run(options: string[], { served = '1', changes = 'true' }: { served?: string; changes?: string }) {
  return withTemporaryDirectory((folder) => {
    const bodies = {
      ...{ npm: '', npx: '', cargo: '' },
      gh: 'case "$*" in *full_name*) echo OWNER/NAME ;; *) echo 1 ;; esac',
      git: `case "$*" in *status*) ${changes} ;; *) echo 0123456789abcdef ;; esac`,
      aws: `case "$*" in *"'RepositoryId'"*) echo ${served} ;; *) echo "of-$(sed "s/.*OutputKey=='\\([A-Za-z]*\\)'.*/\\1/" <<< "$*")" ;; esac`,
    };
    for (const [name, body] of Object.entries(bodies)) {
      writeFileSync(join(folder, name), `#!/usr/bin/env bash\nprintf '%s ' ${name} "$@" >> "${folder}/calls"; echo >> "${folder}/calls"\n${body}\n`, { mode: 0o755 });
    }
    const { stderr, status } = spawnSync(join(REPOSITORY_ROOT, 'stack', 'bin', 'preview.sh'), options, {
      cwd: folder,
      encoding: 'utf8',
      env: { PATH: [folder, process.env['PATH']].join(delimiter) },
    });
    return { stderr, status, calls: existsSync(join(folder, 'calls')) ? readFileSync(join(folder, 'calls'), 'utf8') : '' };
  });
}

describe('a preview by hand', () => {
  test('is deployed as that of a pull request is, so that the sweep finds it', () => {
    const { calls, status, stderr } = run(OPTIONS, {});
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const [line = ''] = calls.split('\n').filter((each) => each.startsWith('npx'));
    expect(line).toMatch(
      /^npx --no-install cdk deploy -c pr=7 -c repo=OWNER\/NAME -c repoId=1 -c sha=0123456789abcdef -c run=by-hand\/\d+ -c expires=\S+T\S+Z -c boundary=of-BoundaryPolicyArn -c qualifier=of-Qualifier Stack-PR7 $/,
    );
    expect(calls.indexOf('cargo xtask package')).toBeLessThan(calls.indexOf('npx'));
    expect(run([...OPTIONS, '--shared-headers'], {}).calls).toContain(' -c headersPolicy=of-HeadersPolicyId ');
  });

  test("is not deployed with what git ignores in the site's folder", () => {
    const changes = `case "$*" in *--ignored*) echo '!! site/page.html~' ;; esac`;
    expect(run(OPTIONS, { changes }).stderr).toContain('!! site/page.html~');
    const config = `case "$*" in *--ignored*) echo '!! site/config.js' ;; esac`;
    expect(run(OPTIONS, { changes: config }).status).toBe(0);
  });

  test.each([
    ['the account is for another repository', { served: '2' }, 'is for the repository with the id 2, and OWNER/NAME has 1'],
    ['the account does not say which it is for', { served: 'None' }, 'PreviewAccount has no output RepositoryId'],
    ['the tree is not what the tag sha would say', { changes: 'echo " M a"' }, 'Commit, stash or remove it:\n M a'],
    ['git does not say', { changes: 'exit 128' }, ''],
  ])('is not deployed where %s', (_name, state, says) => {
    const { calls, status, stderr } = run(OPTIONS, state);
    expect(calls).not.toMatch(/^(?:npx|cargo)/m);
    expect(status).not.toBe(0);
    expect(stderr).toContain(says);
  });

  test.each(['0', '07', '7a', '../7', '', '9999999999', '999999999'])('has the number of a pull request, and no other name: %j', (number) => {
    const { calls, status } = run(['--pr', number, ...OPTIONS.slice(2)], {});
    expect({ calls, status }).toEqual({ calls: '', status: 2 });
  });
});

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { buildCommand } from '../lib/functions.ts';
import { REPOSITORY_ROOT } from '../lib/paths.ts';
import { withTemporaryDirectory } from '../lib/temporary-directory.ts';

const GITHUB = join(REPOSITORY_ROOT, '.github');
const sources = readdirSync(GITHUB, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.yml'))
  .map((path) => [path, readFileSync(join(GITHUB, path), 'utf8')] as const);

const workflow = (name: string) => sources.find(([path]) => path === join('workflows', name))?.[1] ?? '';
/** The text of a job. */
function job(name: string, id: string): string {
  const [, after = ''] = workflow(name).split(new RegExp(`^  ${id}:$`, 'm'));
  return after.split(/^ {2}\w+:$/m)[0] ?? '';
}

const digest = (text: string) => createHash('sha256').update(text).digest('hex');
/** The script of the step that `mark` is in, or follows. */
function scriptOf(text: string, mark: string): string {
  const [, indented = ''] = /run: \|\n((?: {10}.*\n|\n)+)/.exec(text.slice(text.indexOf(mark))) ?? [];
  return indented.replaceAll(/^ {10}/gm, '');
}

describe('the workflows', () => {
  test('pin each action to one commit everywhere, with its version beside it', () => {
    const versions = new Map<string, Set<string>>();
    for (const [path, text] of sources) {
      for (const [, action = '', rest = ''] of text.matchAll(/uses: ([^\s@$]+)@(.*)$/gm)) {
        expect(rest, `${action} in ${path}`).toMatch(/^[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
        versions.set(action, (versions.get(action) ?? new Set()).add(rest));
      }
    }
    expect(versions.size).toBeGreaterThan(5);
    for (const [action, found] of versions) {
      expect([...found], action).toHaveLength(1);
    }
  });

  test('build what the stack deploys', () => {
    const [, preview = ''] = sources.find(([path]) => path === join('workflows', 'preview.yml')) ?? [];
    expect(preview).toContain(`run: ${buildCommand('arm64')}\n`);
  });

  test.each(['preview.yml', 'chaos.yml'])('%s gives a preview what the account has for it', (name) => {
    for (const variable of ['AWS_HEADERS_POLICY_ID', 'AWS_BOUNDARY_POLICY_ARN', 'AWS_BOOTSTRAP_QUALIFIER']) {
      expect(workflow(name)).toContain(`\${{ vars.${variable} }}`);
    }
  });

  test("run no package's own scripts, where a role is near or what they leave is deployed", () => {
    for (const [path, text] of sources) {
      for (const [line] of text.matchAll(/npm (?:ci|install).*$/gm)) {
        expect(line, path).toContain('--ignore-scripts');
      }
    }
  });

  test('hand the token of the comment to the teardown that they call, and nothing else', () => {
    const declared = /^ {2}workflow_call:\n((?: {4}.*\n|\n)*)/m.exec(workflow('teardown.yml'))?.[1] ?? '';
    expect(declared).toMatch(/^ {4}secrets:\n {6}PR_COMMENT_TOKEN:\n(?: {8}description: .*\n)? {8}required: false$/m);
    const callers = sources.filter(([, text]) => text.includes('uses: $/.github/workflows/teardown.yml'));
    expect(callers.map(([path]) => path).sort()).toEqual([join('workflows', 'chaos.yml'), join('workflows', 'sweep.yml')]);
    for (const [path, text] of callers) {
      expect(text, path).toMatch(/^ {4}secrets:\n {6}PR_COMMENT_TOKEN: \$\{\{ secrets\.PR_COMMENT_TOKEN \}\}$/m);
      expect(text, path).not.toContain('secrets: inherit');
    }
  });

  test('delete what is still needed only where a person asks for it, or the one that made it', () => {
    const [, byHand = '', called = ''] = workflow('teardown.yml').split(/workflow_dispatch:|workflow_call:/);
    expect(byHand).toMatch(/force:[^]*?type: boolean\n {8}default: true/);
    expect(called).toMatch(/force:[^]*?type: boolean\n {8}default: false/);
    expect(called).toContain('force: ${{ inputs.force }}');
    expect(job('chaos.yml', 'delete')).toContain('      force: true\n');
    expect(job('sweep.yml', 'delete')).not.toContain('force:');
  });

  test('delete with a role that bots may have, since they close pull requests', () => {
    for (const name of ['teardown.yml', 'sweep.yml']) {
      expect(workflow(name)).toContain('role-to-assume: ${{ vars.AWS_TEARDOWN_ROLE_ARN }}\n');
    }
  });

  test('delete what a sweep has found although it could not look at all', () => {
    const [, condition = ''] = /^ {4}if: (.*)$/m.exec(job('sweep.yml', 'delete')) ?? [];
    const runs = (result: string, prs: string, cancelled = false) =>
      new Function('needs', 'cancelled', `return ${condition.replace(/^\$\{\{(.*)\}\}$/, '$1')};`)({ find: { result, outputs: { prs } } }, () => cancelled) as boolean;
    expect([runs('success', '["7"]'), runs('failure', '["7"]')]).toEqual([true, true]);
    for (const [result, prs] of [['success', '[]'], ['failure', ''], ['failure', '[]'], ['skipped', '']] as const) {
      expect(runs(result, prs), `${result} ${prs}`).toBe(false);
    }
    expect(runs('cancelled', '["7"]', true)).toBe(false);
  });

  test.each([['teardown.yml', 'delete'], ['sweep.yml', 'find'], ['chaos.yml', 'build']])('%s refuses by hand, in its first step, another branch than the one that AWS trusts to delete', (name, id) => {
    const [, condition = '', script = ''] = /^ {4}steps:\n {6}- name: .*\n {8}if: >-\n((?: {10}.*\n)+?) {8}env:\n {10}BRANCH: \$\{\{ github\.event\.repository\.default_branch \}\}\n {8}run: \|\n((?: {10}.*\n)+)/m.exec(job(name, id)) ?? [];
    const refused = (event_name: string, ref: string) => {
      const github = { event_name, ref, event: { repository: { default_branch: 'main' } } };
      return new Function('github', 'format', `return ${condition.trim()};`)(github, (text: string, value: string) => text.replace('{0}', value)) as boolean;
    };
    expect(refused('workflow_dispatch', 'refs/heads/main')).toBe(false);
    for (const ref of ['refs/heads/feature', 'refs/heads/main2', 'refs/tags/main']) {
      expect(refused('workflow_dispatch', ref), ref).toBe(true);
    }
    for (const event of ['schedule', 'pull_request_target']) {
      expect(refused(event, 'refs/heads/main')).toBe(false);
    }
    expect(script).toMatch(/echo "::error title=Not \w+::.*\$BRANCH.*\n {10}exit 1\n/);
  });

  test('sweep every night, whatever the night before still waits for', () => {
    expect(workflow('sweep.yml')).not.toContain('concurrency:');
    expect(job('teardown.yml', 'delete')).toMatch(/^ {6}group: preview-\$\{\{ inputs\.pr \|\| github\.event\.pull_request\.number \}\}$/m);
  });

  test.each(['teardown.yml', 'sweep.yml', 'chaos.yml'])('%s says that this role is missing, before it does anything', (name) => {
    const [, first = ''] = /^ {4}steps:\n((?: {6}.*\n)+?) {6}- (?:id: \w+\n {8})?uses:/m.exec(workflow(name)) ?? [];
    expect(first).toContain("if: vars.AWS_TEARDOWN_ROLE_ARN == ''\n");
    expect(first).toMatch(/::error title=Not \w+::The repository has no variable AWS_TEARDOWN_ROLE_ARN, .*\n {10}exit 1\n/);
  });

  test('run nothing in a job that has credentials which was restored from a cache', () => {
    // A job may run each of our own actions.
    expect(sources.filter(([path, text]) => path.startsWith('actions') && /actions\/cache|\bcache:/.test(text))).toEqual([]);
    const withCredentials = sources.filter(([path]) => path.startsWith('workflows')).flatMap(([path, text]) =>
      [...text.matchAll(/^ {2}(\w+):$/gm)].map(([, id = '']) => [`${path}, ${id}`, job(path.replace('workflows/', ''), id)] as const)).filter(([, text]) => text.includes('id-token: write') && text.includes('steps:'));
    expect(withCredentials.length).toBeGreaterThan(6);
    for (const [name, text] of withCredentials) {
      expect(text, name).not.toMatch(/actions\/cache|\bcache:/);
    }
  });

  test('say what to do where an artifact is gone, which nothing but a step of its own can', () => {
    const needed = sources.flatMap(([path, text]) =>
      [...text.matchAll(/^ {6}- (.*(?:\n {8}.*)*)/gm)].map(([step]) => step).filter((step) => step.includes('actions/download-artifact@'))
        .filter((step) => !step.includes('continue-on-error: true')).map((step) => [path, text, /\bid: (\w+)/.exec(step)?.[1]] as const));
    expect(needed).toHaveLength(5);
    for (const [path, text, id] of needed) {
      expect(text, `${path}, ${id}`).toMatch(new RegExp(`if: failure\\(\\) && steps\\.${id}\\.outcome == 'failure'\\n {8}run: \\|\\n {10}echo "::error .*Run all jobs again`));
    }
  });

  test('may upload a second time in another attempt', () => {
    const uploads = sources.flatMap(([path, text]) =>
      [...text.matchAll(/^ {6}- (?:id: .*\n {8})?uses: actions\/upload-artifact@.*\n((?: {8}.*\n)+)/gm)].map(([, inputs = '']) => [path, inputs] as const));
    expect(uploads.length).toBeGreaterThan(4);
    for (const [path, inputs] of uploads) {
      expect(inputs, path).toMatch(/name: .*\$\{\{ github\.run_attempt \}\}|overwrite: true/);
    }
  });

  test.each([['teardown.yml', 'delete'], ['sweep.yml', 'find']])('%s says what to do where AWS refuses the role, as after a rename of the default branch', (name, id) => {
    const text = job(name, id);
    expect(text).toMatch(/- id: credentials\n {8}uses: aws-actions\/configure-aws-credentials@/);
    expect(text).toMatch(/if: failure\(\) && steps\.credentials\.outcome == 'failure'\n {8}run: \|\n {10}echo "::error title=Not \w+::.*\$GITHUB_REF.*defaultBranch.*deploy it again.*\n {10}exit 1\n/);
  });

  test('of the night deploy nothing without the boundary, without which a preview makes no role', () => {
    const build = job('chaos.yml', 'build');
    expect(build).toMatch(/if: vars\.AWS_BOUNDARY_POLICY_ARN == ''\n {8}run: \|\n {10}echo "::error title=Not deployed::The repository has no variable AWS_BOUNDARY_POLICY_ARN.*\n {10}exit 1\n {6}- uses: actions\/checkout/);
  });

  test('of the night say what to do where AWS refuses the actor of the schedule', () => {
    const deploy = job('chaos.yml', 'deploy');
    expect(deploy).toMatch(/- id: credentials\n {8}uses: aws-actions\/configure-aws-credentials@/);
    expect(deploy).toMatch(/if: failure\(\) && steps\.credentials\.outcome == 'failure'\n {8}run: \|\n {10}echo "::error .*by hand.*\n {10}exit 1\n/);
  });

  test('are there in a merge queue where they are required', () => {
    for (const name of ['preview.yml', 'ci.yml']) {
      expect(workflow(name)).toMatch(/^ {2}merge_group:$/m);
    }
  });
});

describe('the gate', () => {
  const [verifier, verify] = [job('preview.yml', 'verifier'), job('preview.yml', 'verify')];

  test("is not evaluated by the pull request's own verifier, nor by one of a base that its author chose", () => {
    expect(verifier).toContain('ref: ${{ github.event.repository.default_branch }}\n');
    expect(verifier).not.toMatch(/pull_request\.base|base_ref/);
    // Neither what the pull request's jobs may have cached, nor credentials.
    expect(verifier).not.toMatch(/\bcache:|actions\/cache|id-token|\$\/|ref: .*head/);
    expect(verify).not.toMatch(/actions\/checkout|actions\/cache|\$\//);
    // The digest is seen to before there are credentials, and those come before the run.
    expect(verify).toMatch(/sha256sum --check --strict.*configure-aws-credentials.*exec verifier check/s);
    expect(verify).toContain('SHA256: ${{ needs.verifier.outputs.sha256 }}');
    expect(verify).toContain('SETTINGS_SHA256: ${{ needs.verifier.outputs.settings-sha256 }}');
    expect(verify).toContain('--config "$RUNNER_TEMP/verifier/verifier.toml"');
  });

  test("takes along the default branch's settings, or an empty file for the defaults", () => {
    const script = scriptOf(verifier, 'id: build');
    const build = (settings?: string) =>
      withTemporaryDirectory((folder) => {
        mkdirSync(join(folder, 'target', 'release'), { recursive: true });
        writeFileSync(join(folder, 'target', 'release', 'verifier'), 'the binary');
        if (settings !== undefined) {
          writeFileSync(join(folder, 'verifier.toml'), settings);
        }
        for (const program of ['rustup', 'cargo']) {
          writeFileSync(join(folder, program), '#!/bin/sh\n', { mode: 0o755 });
        }
        const env = { PATH: `${folder}:${process.env['PATH']}`, RUNNER_TEMP: join(folder, 'temp'), GITHUB_OUTPUT: join(folder, 'output') };
        mkdirSync(env.RUNNER_TEMP);
        expect(spawnSync('bash', ['--norc', '-eo', 'pipefail', '-c', script], { cwd: folder, env }).status).toBe(0);
        return [readFileSync(join(folder, 'temp', 'verifier', 'verifier.toml'), 'utf8'), readFileSync(env.GITHUB_OUTPUT, 'utf8')];
      });
    for (const settings of ['[expect]\nreceives = 4\n', undefined]) {
      const digests = `sha256=${digest('the binary')}\nsettings-sha256=${digest(settings ?? '')}\n`;
      expect(build(settings)).toEqual([settings ?? '', digests]);
    }
  });

  const SOUND = { plan: 'success', deploys: 'true', build: 'success', deploy: 'success', deployed: 'true', verifier: 'success' };
  const LOST = { deploys: '', build: 'skipped', deploy: 'skipped', deployed: '', verifier: 'skipped' };
  const ofTheStack = 'preview-verify-7-abcdef0-stack';
  type Jobs = Partial<typeof SOUND> & { cancelled?: boolean };
  /** What becomes of the gate after such jobs: it is skipped, fails at once, or looks at the stack. */
  const outcome = (jobs: Jobs) => gate(jobs).outcome;
  /** That, and the concurrency group that it would join. */
  function gate({ cancelled = false, ...changes }: Jobs): { outcome: 'skipped' | 'fails' | 'verifies'; group: string } {
    const { plan, deploys, build, deploy, deployed, verifier } = { ...SOUND, ...changes };
    const needs = {
      plan: { result: plan, outputs: { deploys } },
      build: { result: build },
      deploy: { result: deploy, outputs: { deployed } },
      verifier: { result: verifier },
    };
    const github = { run_id: 1234, event: { pull_request: { number: 7, head: { sha: 'abcdef0' } } } };
    const value = (expression: string): unknown =>
      new Function('needs', 'github', 'cancelled', 'always', `return ${expression};`)(needs, github, () => cancelled, () => true);
    const holds = (expression: string) => value(expression.trim().replace(/^\$\{\{(.*)\}\}$/s, '$1')) as boolean;
    // Folded over lines or not; GitHub adds `success()` where no function asks for the status.
    const [, runs = ''] = /^ {4}if: (?:>-\n)?((?:.*\n)+?) {4}\w/m.exec(verify) ?? [];
    expect(runs).toMatch(/cancelled\(\)|always\(\)/);
    const [, fails = ''] = /^ {4}steps:\n {6}- name: .*\n {8}if: (?:>-\n)?((?:.*\n)+?) {8}\w/m.exec(verify) ?? [];
    const [, group = ''] = /^ {6}group: >-\n((?: {8}.*\n)+)/m.exec(verify) ?? [];
    return {
      outcome: !holds(runs) ? 'skipped' : holds(fails) ? 'fails' : 'verifies',
      group: group.trim().replaceAll(/\$\{\{(.*?)\}\}/gs, (_, expression: string) => String(value(expression.trim()))),
    };
  }

  test('looks at a stack that is deployed', () => {
    expect(gate({})).toEqual({ outcome: 'verifies', group: ofTheStack });
  });

  test('is skipped where it was decided that there is no preview, and nowhere else', () => {
    expect(outcome({ ...LOST, deploys: 'false' })).toBe('skipped');
    expect(outcome({ ...LOST, deploys: 'false', plan: 'failure' })).toBe('fails');
  });

  test.each([
    ['the plan failed', { ...LOST, plan: 'failure' }],
    ['the plan was lost', { ...LOST, plan: 'cancelled' }],
    ['the plan said nothing', LOST],
    ['the build failed', { build: 'failure', deploy: 'skipped', deployed: '' }],
    ['the build was cancelled', { build: 'cancelled', deploy: 'skipped', deployed: '' }],
    ['the deployment failed', { deploy: 'failure' }],
    ['the deployment was lost before it said anything', { deploy: 'cancelled', deployed: '' }],
    ['the pull request was closed meanwhile, and may be opened again', { deployed: 'false' }],
    ["the base's verifier was not built", { verifier: 'failure' }],
    ['the run was cancelled before it', { cancelled: true, deploy: 'cancelled', deployed: '' }],
    ['the run was cancelled before the verifier was there', { cancelled: true, verifier: 'cancelled' }],
  ])('fails where there was nothing to verify, since a job that is skipped counts as passed: %s', (_name, changes) => {
    // And it fails alone: in the group, it would cancel one that verifies this commit.
    expect(gate(changes)).toEqual({ outcome: 'fails', group: 'preview-verify-7-abcdef0-1234' });
  });

  test('is built and cancelled by commit, so that a run of an older one cancels nothing of a newer one', () => {
    for (const id of ['build', 'verifier', 'verify']) {
      const [, group = ''] = /^ {4}concurrency:\n {6}group: ((?:.*\n)+?) {6}cancel-in-progress: true$/m.exec(job('preview.yml', id)) ?? [];
      expect(group, id).toContain('${{ github.event.pull_request.head.sha }}');
    }
  });

  test('looks at a stack of this commit alone', () => {
    const script = scriptOf(verify, 'name: See that the stack is of this commit');
    const look = (deployed: string, ends = '') =>
      withTemporaryDirectory((folder) => {
        writeFileSync(join(folder, 'aws'), `#!/bin/sh\necho '${deployed}'\n${ends}\n`, { mode: 0o755 });
        const env = { PATH: `${folder}:${process.env['PATH']}`, STACK: 'Stack-PR7', SHA: 'abcdef0123', GITHUB_OUTPUT: join(folder, 'output') };
        const { status, stdout } = spawnSync('bash', ['--norc', '-eo', 'pipefail', '-c', script], { cwd: folder, env, encoding: 'utf8' });
        return [status, stdout || (existsSync(env.GITHUB_OUTPUT) && readFileSync(env.GITHUB_OUTPUT, 'utf8'))];
      });
    expect(look('abcdef0123\tarn\tNone')).toEqual([0, 'deployed=abcdef0123\tarn\tNone\n']);
    for (const other of ['fedcba3210', 'None', '']) {
      expect(look(`${other}\tarn\tNone`)).toEqual([1, expect.stringContaining(`::error title=Not verified::The tag sha of Stack-PR7 is ${other}, and not abcdef0123.`)]);
    }
    expect(look('', 'exit 254')).toEqual([1, expect.stringMatching(/^::error title=Not verified::CloudFormation does not describe Stack-PR7\. .* run all jobs again/)]);
    // What is deployed while it is checked is another stack, also of the same commit.
    const again = scriptOf(verify, 'name: See that the stack is still the one that was checked');
    const before = 'abcdef0123\tarn\t2026-11-29T09:00:00Z';
    const after = (now: string, ends = '') =>
      withTemporaryDirectory((folder) => {
        writeFileSync(join(folder, 'aws'), `#!/bin/sh\nprintf '%s\\n' '${now}'\n${ends}\n`, { mode: 0o755 });
        const env = { PATH: `${folder}:${process.env['PATH']}`, STACK: 'Stack-PR7', BEFORE: before };
        return spawnSync('bash', ['--norc', '-eo', 'pipefail', '-c', again], { cwd: folder, env, encoding: 'utf8' });
      });
    expect(after(before)).toMatchObject({ status: 0, stdout: '' });
    for (const now of ['fedcba3210\tarn\t2026-11-29T09:00:00Z', 'abcdef0123\tother\t2026-11-29T09:00:00Z', 'abcdef0123\tarn\t2026-11-29T09:00:01Z']) {
      expect(after(now)).toMatchObject({ status: 1, stdout: expect.stringContaining('deployed again while it was checked') as string });
    }
    expect(after('', 'exit 254').status).toBe(1);
    const query = /--query (".*")\)/;
    expect(query.exec(again)?.[1]).toBe(query.exec(script)?.[1]);
    expect(verify).toMatch(/exec verifier check.*See that the stack is still the one that was checked.*See that the pull request still has this base/s);
    // With the role, and before the verifier runs.
    expect(verify).toMatch(/configure-aws-credentials.*See that the stack is of this commit.*exec verifier check/s);
  });

  test('is not skipped where the run is cancelled just before it begins', () => {
    expect(outcome({ cancelled: true })).toBe('verifies');
  });

  test('is green without having verified anything for forks and bots, which docs/aws.md says', () => {
    const readme = readFileSync(join(REPOSITORY_ROOT, 'docs', 'aws.md'), 'utf8').replaceAll(/\s+/g, ' ');
    expect(readme).toMatch(/For forks and bots, `verify` is skipped, and GitHub counts that as passed: nothing was verified/);
  });

  test('runs exactly the binary whose digest it was told', () => {
    const script = scriptOf(verify, 'name: See that it is the verifier that was built');
    const status = (SHA256: string, SETTINGS_SHA256: string, settings?: string) =>
      withTemporaryDirectory((folder) => {
        mkdirSync(join(folder, 'verifier'));
        writeFileSync(join(folder, 'verifier', 'verifier'), 'the binary');
        if (settings !== undefined) {
          writeFileSync(join(folder, 'verifier', 'verifier.toml'), settings);
        }
        return spawnSync('bash', ['--norc', '-eo', 'pipefail', '-c', script], { env: { ...process.env, RUNNER_TEMP: folder, SHA256, SETTINGS_SHA256 } }).status;
      });
    const [binary, settings, nothing] = [digest('the binary'), digest('receives'), digest('')];
    expect(status(binary, settings, 'receives')).toBe(0);
    expect(status(binary, nothing, '')).toBe(0);
    for (const [first, second, text] of [
      [digest('another'), settings, 'receives'],
      [binary, settings, 'another'],
      [binary, nothing, 'receives'],
      [binary, settings, undefined],
      ['', settings, 'receives'],
      [binary, '', 'receives'],
      ['', '', ''],
    ] as const) {
      expect(status(first, second, text), `${first} ${second} ${text}`).not.toBe(0);
    }
  });
});

describe('the commands of the verifier in the workflows', () => {
  const reference = readFileSync(join(REPOSITORY_ROOT, 'docs', 'cli.md'), 'utf8');
  /** The help of each command, from the reference of the command line. */
  const helps = new Map(
    [...reference.matchAll(/^#+ `(verifier[^`]*)`\n\n```text\n(.*?)\n```/gms)].map(([, name = '', help = '']) => [name, help]),
  );
  const used = sources.flatMap(([path, text]) =>
    [...text.replaceAll(/\\\n\s*/g, '').matchAll(/(?:exec |^\s*|if )(verifier [a-z].*)$/gm)].map(([, line = '']) => [path, line] as const),
  );

  test('are found', () => {
    expect(helps.size).toBeGreaterThan(10);
    expect(used.length).toBeGreaterThan(2);
  });

  test.each(used)('%s: %s', (_path, line) => {
    const words = line.split(/\s+/);
    const name = [3, 2].map((count) => words.slice(0, count).join(' ')).find((each) => helps.has(each));
    expect(name, `docs/cli.md has no section on ${line}`).toBeDefined();
    for (const option of words.filter((word) => word.startsWith('--'))) {
      expect(helps.get(name ?? ''), `${name} has no ${option}`).toMatch(new RegExp(`(^|\\s)${option}\\b`));
    }
  });

  test('of the gate write every report', () => {
    const [, preview = ''] = sources.find(([path]) => path === join('workflows', 'preview.yml')) ?? [];
    expect(preview).toContain('exec verifier check --stack "$STACK" --format github');
    for (const file of ['check.html', 'check.xml', 'check.json', 'check.md']) {
      expect(preview).toContain(`--report report/${file}`);
    }
  });
});

describe('the comment', () => {
  const [, preview = ''] = sources.find(([path]) => path === join('workflows', 'preview.yml')) ?? [];
  const [, indented = ''] = /name: Write the comment, or update it\n.*?\n {8}run: \|\n(.*)/s.exec(preview) ?? [];
  const script = indented.replaceAll(/^ {10}/gm, '');
  /** Answers what the workflow asks GitHub, and notes what it sends. */
  const GH = `#!/usr/bin/env bash
    case "$*" in
      'api repos/o/r/pulls/7 '*) echo "$NOW" ;;
      'api user --jq .login') [ -n "$LOGIN" ] && echo "$LOGIN" ;;
      'api repos/o/r/actions/workflows/sweep.yml '*) [ "$GH_TOKEN" = own ] && [ -n "$SWEEP" ] && echo "$SWEEP" ;;
      *--paginate*) jq --raw-output "\${@: -1}" comments.json ;;
      *) echo "$*" >> sent.txt ;;
    esac`;
  const URLS = {
    PREVIEW_URL: 'https://d1.cloudfront.net/?pr=7',
    API_URL: 'https://a1.execute-api.eu-central-1.amazonaws.com/hello',
    JOB_URL: 'https://a1.execute-api.eu-central-1.amazonaws.com/jobs',
  };

  const report = (verdict: string) => `### ${verdict}: Stack-PR7\n\n23 passed.\n\nmore\n`;

  function write(environment: Record<string, string>, comments: object[] = [], report?: string) {
    return withTemporaryDirectory((folder) => {
      writeFileSync(join(folder, 'gh'), GH, { mode: 0o755 });
      writeFileSync(join(folder, 'comments.json'), JSON.stringify(comments));
      if (report !== undefined) {
        mkdirSync(join(folder, 'report'));
        writeFileSync(join(folder, 'report', 'check.md'), report);
      }
      const env = {
        PATH: `${folder}:${process.env['PATH']}`,
        ...{ PLANNED: 'success', BUILT: 'success', DEPLOYED: 'success', VERIFIED: 'success', WHY: '' },
        ...{ GH_TOKEN: 'comment', OWN_TOKEN: 'own', SWEEP: 'active', LOGIN: '', PR: '7', SHA: 'abcdef0123', NOW: 'open abcdef0123', PREVIEW_DAYS: '14' },
        ...{ GITHUB_REPOSITORY: 'o/r', GITHUB_RUN_ID: '1', GITHUB_SERVER_URL: 'https://github.com' },
        ...URLS,
        ...environment,
      };
      const { status, stdout, stderr } = spawnSync('bash', ['--norc', '-euo', 'pipefail', '-c', script], { cwd: folder, env, encoding: 'utf8' });
      expect(status, stderr).toBe(0);
      const read = (name: string) => (existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'utf8') : '');
      return { body: read('body.md').split('\n'), sent: read('sent.txt'), log: stdout };
    });
  }

  test('begins with the marker and the three lines, and has verdict and report below', () => {
    const { body, sent } = write({}, [], report('✅ PASS'));
    expect(body.slice(0, 5)).toEqual([
      '<!-- pr-preview-urls -->',
      `Preview: ${URLS.PREVIEW_URL}`,
      `API: ${URLS.API_URL}`,
      `Jobs: ${URLS.JOB_URL}`,
      '',
    ]);
    expect(body.indexOf('### ✅ PASS: Stack-PR7')).toBeGreaterThan(4);
    expect(sent).toContain('--method POST repos/o/r/issues/7/comments');
  });

  test.each([
    ['success', '✅ PASS', true],
    ['failure', '❌ FAIL', true],
    ['failure', '❔ INCONCLUSIVE', true],
    ['failure', '✅ PASS', false],
    ['cancelled', '✅ PASS', false],
    ['cancelled', '❔ INCONCLUSIVE', false],
    ['success', '❌ FAIL', false],
    ['failure', undefined, false],
  ])('after a verification that ended with %s, shows a report of %s: %s', (VERIFIED, verdict, shown) => {
    const { body } = write({ VERIFIED }, [], verdict && report(verdict));
    expect(body.includes(`### ${verdict}: Stack-PR7`)).toBe(shown);
    expect(body.includes(`**no verdict** – the verification ended with \`${VERIFIED}\`.`)).toBe(!shown);
  });

  test('has a verdict without its torn end where the report is too long', () => {
    const { body } = write({}, [], report('✅ PASS') + 'x'.repeat(60_000));
    expect(body).toContain('### ✅ PASS: Stack-PR7');
    expect(body).toContain('23 passed.');
    expect(body.join('\n')).not.toContain('xxx');
  });

  test.each(['open fedcba3210', 'closed abcdef0123'])('is not written for a pull request that is %s by now', (NOW) => {
    const { body, sent, log } = write({ NOW });
    expect([body, sent]).toEqual([[''], '']);
    expect(log).toContain('::notice title=No comment::');
  });

  test('is about this attempt: its report is named by it, and by none where there is none', () => {
    const verify = job('preview.yml', 'verify');
    expect(verify).toContain("report: ${{ steps.report.outputs.artifact-id && format('report-{0}', github.run_attempt) }}\n");
    expect(verify).toMatch(/- id: report\n {8}uses: actions\/upload-artifact@.*\n(?: {8}.*\n)* {10}name: report-\$\{\{ github\.run_attempt \}\}\n/);
    const comment = job('preview.yml', 'comment');
    expect(comment).toMatch(/if: needs\.verify\.outputs\.report != ''\n/);
    expect(comment).toContain('name: ${{ needs.verify.outputs.report }}\n');
    expect(job('preview.yml', 'deploy')).toContain('name: ${{ needs.build.outputs.assembly }}\n');
    expect(verify).toContain('name: ${{ needs.verifier.outputs.artifact }}\n');
  });

  describe('is written', () => {
    const runs = (jobs: Record<'plan' | 'deploys' | 'deploy' | 'deployed', string> & { head?: number | null }) => {
      const [, condition = ''] = /^ {4}if: >-\n((?: {6}.*\n)+)/m.exec(job('preview.yml', 'comment')) ?? [];
      const needs = {
        plan: { result: jobs.plan, outputs: { deploys: jobs.deploys } },
        deploy: { result: jobs.deploy, outputs: { deployed: jobs.deployed } },
      };
      // GitHub says one id as a text, and the other as a number, and `==` compares them as numbers, as here.
      const github = { repository: 'o/r', repository_id: '42', event: { pull_request: { head: { repo: { id: jobs.head === undefined ? 42 : jobs.head, full_name: 'o/before' } } } } };
      return new Function('needs', 'github', 'always', `return ${condition.trim()};`)(needs, github, () => true) as boolean;
    };
    test.each([
      ['after a deployment', { plan: 'success', deploys: 'true', deploy: 'success', deployed: 'true' }, true],
      ['after one that failed', { plan: 'success', deploys: 'true', deploy: 'failure', deployed: 'true' }, true],
      ['after one that took too long, which counts as cancelled', { plan: 'success', deploys: 'true', deploy: 'cancelled', deployed: 'true' }, true],
      ['after one that was lost', { plan: 'success', deploys: 'true', deploy: 'cancelled', deployed: '' }, true],
      ['after a build that failed', { plan: 'success', deploys: 'true', deploy: 'skipped', deployed: '' }, true],
      ['where a bot has pushed', { plan: 'failure', deploys: '', deploy: 'skipped', deployed: '' }, true],
      ['for another commit than the one that is deployed', { plan: 'success', deploys: 'true', deploy: 'success', deployed: 'false' }, false],
      ['for a fork whose plan failed', { plan: 'failure', deploys: '', deploy: 'skipped', deployed: '', head: 7 }, false],
      ['for a fork that is gone', { plan: 'failure', deploys: '', deploy: 'skipped', deployed: '', head: null }, false],
      ['for a fork, a bot, or a merge queue', { plan: 'success', deploys: 'false', deploy: 'skipped', deployed: '' }, false],
    ])('%s: %j: %s', (_name, jobs, expected) => {
      expect(runs(jobs)).toBe(expected);
    });
  });

  test('says when it is deleted, and that nothing does it by the date where the sweep is not enabled, as in a new fork', () => {
    const last = (environment: Record<string, string>) => write(environment).body.join('\n');
    expect(last({})).toMatch(/The preview is deleted when this pull request is closed, and 14 days after its last push\.$/m);
    for (const SWEEP of ['disabled_fork', 'disabled_inactivity', 'disabled_manually', '']) {
      expect(last({ SWEEP })).not.toContain('14 days');
      expect(last({ SWEEP })).toMatch(/The preview is deleted when this pull request is closed, and not before: .*`sweep\.yml`/);
      expect(write({ SWEEP }).log).toContain('::warning title=Not swept::');
    }
    expect(job('preview.yml', 'comment')).toMatch(/^ {6}actions: read #/m);
  });

  test('has no URLs where nothing was deployed', () => {
    const { body } = write({ DEPLOYED: 'failure' });
    expect(body[0]).toBe('<!-- pr-preview-urls -->');
    expect(body.join('\n')).toContain('It was **not deployed**');
    expect(body.join('\n')).not.toContain('https://d1');
    expect(write({ DEPLOYED: 'cancelled' }).body.join('\n')).toContain('the build ended with `success`, the deployment with `cancelled`.');
  });

  test('says why the plan let nothing be deployed', () => {
    const nothing = { PLANNED: 'failure', BUILT: 'skipped', DEPLOYED: 'skipped', VERIFIED: 'failure' };
    expect(write({ ...nothing, WHY: 'the actor is renovate[bot].' }).body).toContain('It was **not deployed**: the actor is renovate[bot].');
    expect(write(nothing).body).toContain('It was **not deployed**: the plan ended with `failure`.');
  });

  test('is written again where a bot, or the owner of the token, has written it', () => {
    const comment = (id: number, type: string, login: string, body: string) => ({ id, user: { type, login }, body });
    const marked = '<!-- pr-preview-urls -->\nPreview: old';
    const others = [comment(1, 'Bot', 'b', 'hello'), comment(2, 'User', 'somebody', marked)];
    expect(write({}, others).sent).toContain('--method POST');
    expect(write({}, [...others, comment(3, 'Bot', 'b', marked)]).sent).toContain('--method PATCH repos/o/r/issues/comments/3');
    const mine = [...others, comment(4, 'User', 'me', marked)];
    expect(write({ LOGIN: 'me' }, mine).sent).toContain('--method PATCH repos/o/r/issues/comments/4');
  });

  test('is written with a token of its own where there is one, and found again by its marker', () => {
    const [, teardown = ''] = sources.find(([path]) => path === join('workflows', 'teardown.yml')) ?? [];
    for (const workflow of [preview, teardown]) {
      expect(workflow).toContain('GH_TOKEN: ${{ secrets.PR_COMMENT_TOKEN || github.token }}');
      expect(workflow).toContain("marker='<!-- pr-preview-urls -->'");
    }
  });
});

describe('after a teardown', () => {
  const delete_ = job('teardown.yml', 'delete');
  /** Runs a step of teardown.yml for the pull request 7, while GitHub answers from these files. */
  const step = (mark: string, files: Record<string, unknown>, environment: Record<string, string> = {}) =>
    withTemporaryDirectory((folder) => {
      for (const [name, content] of Object.entries(files)) {
        writeFileSync(join(folder, name), JSON.stringify(content));
      }
      const gh = [
        'case "$*" in',
        '"api graphql"*) cat deployments.json ;;',
        '"api user"*) exit 1 ;;',
        '*/issues/7/comments*--jq*) jq --raw-output "${@: -1}" comments.json ;;',
        '*) echo "$*" >> sent.txt ;;',
        'esac',
      ];
      writeFileSync(join(folder, 'gh'), `#!/usr/bin/env bash\n${gh.join('\n')}\n`, { mode: 0o755 });
      const env = { PATH: `${folder}:${process.env['PATH']}`, GITHUB_REPOSITORY: 'o/r', PR: '7', REGION: 'eu-central-1', ...environment };
      const { status, stdout, stderr } = spawnSync('bash', ['--norc', '-eo', 'pipefail', '-c', scriptOf(delete_, mark)], { cwd: folder, env, encoding: 'utf8' });
      const read = (name: string) => (existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'utf8') : '');
      return { status, log: stdout + stderr, body: read('body.md'), sent: read('sent.txt').split('\n').filter(Boolean) };
    });

  test('the deployments of its pull request are ended, whichever page they led to, and no others', () => {
    const urls = ['https://a.cloudfront.net/?pr=7', 'https://b.cloudfront.net/?pr=7', 'https://c.cloudfront.net/?pr=17', 'https://d.cloudfront.net/?pr=71', '', null];
    const nodes = urls.map((environmentUrl, databaseId) => ({ databaseId, latestStatus: { environmentUrl } }));
    const deployments = { data: { repository: { deployments: { nodes: [...nodes, { databaseId: 9, latestStatus: null }] } } } };
    const { sent } = step('name: End its deployments', { 'deployments.json': deployments });
    expect(sent.map((each) => /deployments\/(\d+)\/statuses/.exec(each)?.[1])).toEqual(['0', '1']);
  });

  const comment = (id: number, body: string) => ({ id, user: { type: 'Bot', login: 'b' }, body: `<!-- pr-preview-urls -->\n${body}` });
  test.each([
    ['there was something to delete', 'true', 'Preview: https://a/?pr=7\n', true],
    ['somebody else had deleted it, and the comment has its URLs', 'false', 'Preview: https://a/?pr=7\n', true],
    ['there was something to delete, and its last deployment had failed', 'true', '### Preview of 0123456\n\nIt was **not deployed**: …', true],
    ['there never was a preview, and the comment says why', 'false', '### Preview of 0123456\n\nIt was **not deployed**: …', false],
  ])('the comment is written again where %s', (_name, DELETED, body, written) => {
    const { status, sent } = step('name: Say so in the comment', { 'comments.json': [comment(3, body)] }, { DELETED });
    expect(status).toBe(0);
    expect(sent.some((each) => each.includes('--method PATCH repos/o/r/issues/comments/3'))).toBe(written);
  });

  const urls = (region: string) => `Preview: https://a/?pr=7\nAPI: https://a1b2.execute-api.${region}.amazonaws.com/hello\nJobs: https://a1b2.execute-api.${region}.amazonaws.com/jobs\n`;
  const say = (DELETED: string, region: string) => step('name: Say so in the comment', { 'comments.json': [comment(3, urls(region))] }, { DELETED });
  test('the comment says that it is deleted only where it was, and else that there is none where it was looked for', () => {
    expect(say('true', 'eu-central-1').body).toContain('It is deleted.');
    const { body, sent } = say('false', 'eu-central-1');
    expect(body).toContain('There is no stack `Stack-PR7` in eu-central-1');
    expect(body).not.toContain('It is deleted');
    expect(sent).toHaveLength(1);
  });

  test('it fails where the comment names a preview of another region, which is still there, and ends no deployment', () => {
    const { status, log, sent } = say('false', 'us-east-1');
    expect([status, sent]).toEqual([1, []]);
    expect(log).toMatch(/::error title=Not deleted::.*a preview in us-east-1, and there is no Stack-PR7 in eu-central-1/);
    // What was deleted was here, whatever an old comment says.
    expect(say('true', 'us-east-1').status).toBe(0);
    expect(delete_.indexOf('name: Say so in the comment')).toBeLessThan(delete_.indexOf('name: End its deployments'));
  });

  test('both are done whoever deleted it, so that a repeated run does what was not done before', () => {
    const conditions = [...delete_.matchAll(/^ {8}if: (.*)$/gm)].map(([, condition]) => condition);
    expect(conditions.slice(-2)).toEqual(Array(2).fill("steps.delete.outputs.pull-request == 'true'"));
  });
});

test.each([['teardown.yml', 'delete'], ['sweep.yml', 'find']])('where AWS refuses the role that deletes, the log of %s says to start again, since a re-run keeps the ref of the branch before it was renamed', (name, id) => {
  const { status, stdout } = spawnSync('bash', ['--norc', '-eo', 'pipefail', '-c', scriptOf(job(name, id), 'name: Say what AWS may refuse')], {
    encoding: 'utf8',
    env: { ...process.env, GITHUB_REF: 'refs/heads/former', PR: '7' },
  });
  expect(status).toBe(1);
  expect(stdout).toMatch(/AWS gave this run of refs\/heads\/former no credentials\..*after the default branch was renamed/);
  expect(stdout).toMatch(new RegExp(`Then start ${name} again by hand on the default branch${id === 'delete' ? ' for 7' : ''}: a re-run keeps the former branch\\.\n$`));
  expect(stdout).not.toContain('run this again');
});

test.each(['preview.yml', 'chaos.yml'])('where a deployment of %s fails, its log says what to do about an older branch or account', (name) => {
  const deploy = job(name, 'deploy');
  expect(deploy).toMatch(/- id: deploy\n {8}name: Deploy\n/);
  expect(deploy).toContain("if: failure() && steps.deploy.outcome == 'failure'\n");
  const { status, stdout } = spawnSync('bash', ['--norc', '-eo', 'pipefail', '-c', scriptOf(deploy, 'name: Say what may be in the way')], { encoding: 'utf8' });
  expect(status).toBe(0);
  expect(stdout).toMatch(/::error title=Not deployed::.*Merge the default branch into this one.*deploy PreviewAccount again/);
});

test.each([['preview.yml', '7'], ['chaos.yml', '999999999']])('where an earlier deployment of %s left a stack that nothing can be deployed to, its log says how to replace it', (name, pr) => {
  const { stdout } = spawnSync('bash', ['--norc', '-eo', 'pipefail', '-c', scriptOf(job(name, 'deploy'), 'name: Say what may be in the way')], {
    encoding: 'utf8',
    env: { ...process.env, STACK: `Stack-PR${pr}` },
  });
  // Where CloudFormation could not restore it, the CDK asks whether to, and there is nobody to ask.
  const runbook = readFileSync(join(REPOSITORY_ROOT, 'RUNBOOK.md'), 'utf8').split('\n### ').find((each) => each.startsWith('`stack.ready`')) ?? '';
  for (const status of ['CREATE_FAILED', 'UPDATE_FAILED', 'UPDATE_ROLLBACK_FAILED', 'DELETE_FAILED']) {
    expect(stdout).toMatch(new RegExp(`If Stack-PR${pr} is in .*\\b${status}\\b`));
    expect(runbook).toContain(`\`${status}\``);
  }
  expect(stdout).toContain('TtyNotAttached');
  expect(stdout).toContain(`Run teardown.yml by hand for ${pr}, then all jobs again.`);
  expect(runbook).toContain('`teardown.yml`');
});

describe('the nightly experiments', () => {
  const number = (text: string, pattern: RegExp) => Number(pattern.exec(text)?.[1]);

  test('end before the sweep may delete what they break, however late its deployment is approved', () => {
    const [build, experiment] = [job('chaos.yml', 'build'), job('chaos.yml', 'experiment')];
    // The artifact is gone then, and nothing is deployed without it.
    const latest = number(build, /retention-days: (\d+)/) * 24;
    const [, list = '[]'] = /experiments='(\[.*\])'/.exec(build) ?? [];
    const each = number(experiment, /^ {4}timeout-minutes: (\d+)$/m) / 60;
    const deployment = number(job('chaos.yml', 'deploy'), /^ {4}timeout-minutes: (\d+)$/m) / 60;
    const lasts = latest + deployment + (JSON.parse(list) as string[]).length * each;
    expect(number(build, /^ {10}days: (\d+)$/m) * 24).toBeGreaterThan(lasts + 24);
  });

  const [verifier, experiment] = [job('chaos.yml', 'verifier'), job('chaos.yml', 'experiment')];
  test('run the verifier that a job without credentials has built, and nothing that a cache holds', () => {
    expect(verifier).not.toMatch(/\bcache:|actions\/cache|id-token|\$\//);
    expect(verifier).toContain('cargo build --release --locked --package verifier --bin verifier');
    expect(experiment).toContain('SHA256: ${{ needs.verifier.outputs.sha256 }}');
    // The digest is seen to before there are credentials, and those come before the run.
    expect(experiment).toMatch(/sha256sum --check --strict.*configure-aws-credentials.*exec verifier chaos run.*exec verifier chaos rollback/s);
    expect(experiment.match(/export PATH="\$RUNNER_TEMP\/verifier:\$PATH"/g)).toHaveLength(2);
    // What could not be broken is not deployed.
    expect(job('chaos.yml', 'deploy')).toMatch(/^ {4}needs: \[build, verifier\]$/m);
    // It is kept until the last experiment is over.
    const kept = number(verifier, /retention-days: (\d+)/);
    expect(kept).toBeGreaterThanOrEqual(number(job('chaos.yml', 'build'), /^ {10}days: (\d+)$/m));
  });

  test('run exactly the binary whose digest they were told', () => {
    const script = scriptOf(experiment, 'name: See that it is the verifier that was built');
    const status = (SHA256: string) =>
      withTemporaryDirectory((folder) => {
        mkdirSync(join(folder, 'verifier'));
        writeFileSync(join(folder, 'verifier', 'verifier'), 'the binary');
        return spawnSync('bash', ['--norc', '-eo', 'pipefail', '-c', script], { env: { ...process.env, RUNNER_TEMP: folder, SHA256 } }).status;
      });
    expect(status(digest('the binary'))).toBe(0);
    expect(status(digest('another'))).not.toBe(0);
    expect(status('')).not.toBe(0);
  });

  test('are in the group of the deletion, one by one, as is their deployment', () => {
    for (const id of ['deploy', 'experiment']) {
      expect(job('chaos.yml', id), id).toMatch(/^ {4}concurrency:\n {6}group: preview-999999999\n {6}cancel-in-progress: false\n {6}queue: max$/m);
    }
  });
});

describe('the documentation', () => {
  test('of a release is the pages of the book, whose links lead somewhere without the repository', () => {
    const build = job('release.yml', 'build');
    expect(build).toContain('cargo xtask docs --pages "$NAME"\n');
    // They take the verifier that is built by then.
    expect(build.indexOf('cargo build --release --locked --package verifier --bin verifier\n')).toBeLessThan(build.indexOf('cargo xtask docs'));
    expect(/^ +cp .*$/m.exec(build)?.[0]).not.toMatch(/\.md|docs/);
  });

  test('is published where the repository says that Pages is on, and its workflow does not fail elsewhere', () => {
    const docs = workflow('docs.yml');
    const conditions = [...docs.matchAll(/^ +(?:- )?if: (.*)$/gm)].map(([, condition]) => condition);
    expect(conditions).toEqual(Array(2).fill("github.event_name == 'push' && vars.DOCS_PAGES == 'true'"));
    for (const text of [docs.split('\nname:')[0] ?? '', readFileSync(join(REPOSITORY_ROOT, 'CONTRIBUTING.md'), 'utf8')]) {
      expect(text).toContain('DOCS_PAGES');
    }
  });
});

describe('a change of the base', () => {
  const [condition = '', script = ''] = [/^ {4}if: >-\n((?: {6}.*\n)+)/m.exec(workflow('retarget.yml'))?.[1], scriptOf(workflow('retarget.yml'), 'steps:')];

  test.each([
    ['a change of the base', {}, true],
    ['an edit of the title', { changes: { title: { from: 'x' } } }, false],
    ['a fork', { repository: 7 }, false],
    ['no account', { role: '' }, false],
  ])('closes the gate: %s, %j: %s', (_name, { changes = { base: {} }, repository = 42, role = 'arn:d' }: Record<string, unknown>, expected) => {
    const github = { repository: 'o/r', repository_id: '42', event: { changes, pull_request: { head: { repo: { id: repository, full_name: 'o/before' } } } } };
    const holds = new Function('github', 'vars', `return Boolean(${condition.trim()});`)(github, { AWS_DEPLOY_ROLE_ARN: role }) as boolean;
    expect(holds).toBe(expected);
  });

  test('by a check of the name of the job that is required, which is none of its own jobs', () => {
    const sent = withTemporaryDirectory((folder) => {
      writeFileSync(join(folder, 'gh'), '#!/bin/sh\nprintf "%s\\n" "$@" > sent.txt\n', { mode: 0o755 });
      const env = {
        ...{ PATH: `${folder}:${process.env['PATH']}`, GITHUB_REPOSITORY: 'o/r' },
        ...{ BASE: 'main', BEFORE: 'lenient', SHA: 'abcdef0' },
      };
      expect(spawnSync('bash', ['--norc', '-euo', 'pipefail', '-c', script], { cwd: folder, env }).status).toBe(0);
      return readFileSync(join(folder, 'sent.txt'), 'utf8').split('\n');
    });
    expect(sent).toEqual(expect.arrayContaining(['repos/o/r/check-runs', 'name=verify', 'head_sha=abcdef0', 'conclusion=failure']));
    expect(sent.join('\n')).toMatch(/The base was changed from `lenient` to `main`\. Push a commit, or close/);
    // A name that is an expression is not evaluated where the job is skipped, and the required check would be missing.
    expect(job('preview.yml', 'verify')).toMatch(/^ {4}name: verify$/m);
    expect(workflow('retarget.yml')).not.toMatch(/^ {4}name: verify$|^ {2}verify:$/m);
  });

  /** Runs a step of preview.yml while GitHub says this of the pull request 7, which was opened into `main`. */
  const step = (id: string, mark: string, now: object) =>
    withTemporaryDirectory((folder) => {
      writeFileSync(join(folder, 'pull.json'), JSON.stringify(now));
      writeFileSync(join(folder, 'gh'), '#!/bin/sh\n[ "$2" = repos/o/r/pulls/7 ] && jq --raw-output "$4" pull.json\n', { mode: 0o755 });
      const env = {
        ...{ PATH: `${folder}:${process.env['PATH']}`, GITHUB_REPOSITORY: 'o/r', GITHUB_OUTPUT: join(folder, 'output') },
        ...{ BASE: 'main', PR: '7', SHA: 'abcdef0' },
      };
      const { status, stdout } = spawnSync('bash', ['--norc', '-eo', 'pipefail', '-c', scriptOf(job('preview.yml', id), mark)], { cwd: folder, env, encoding: 'utf8' });
      return { status, stdout, output: existsSync(env.GITHUB_OUTPUT) ? readFileSync(env.GITHUB_OUTPUT, 'utf8') : '' };
    });
  const pull = (state: string, sha: string, ref: string) => ({ state, head: { sha }, base: { ref } });

  test.each([
    ['open, at this commit and with this base', pull('open', 'abcdef0', 'main'), true],
    ['open, with another base', pull('open', 'abcdef0', 'lenient'), false],
    ['open, at another commit', pull('open', 'fedcba3', 'main'), false],
    ['closed', pull('closed', 'abcdef0', 'main'), false],
  ])('by then, or before a run of the old base is repeated, leads to no deployment: %s', (_name, now, deployed) => {
    const { status, stdout, output } = step('deploy', 'id: current', now);
    expect([status, output]).toEqual([0, `current=${deployed}\n`]);
    expect(stdout.includes('::notice title=Not deployed::')).toBe(!deployed);
  });

  test('while it is verified, or before that is repeated, fails the gate in its last step', () => {
    const mark = 'name: See that the pull request still has this base';
    const verify = job('preview.yml', 'verify');
    expect(verify.slice(verify.indexOf(mark))).not.toMatch(/^ {6}- |^ {8}if:|continue-on-error/m);
    expect(step('verify', mark, pull('open', 'abcdef0', 'main'))).toMatchObject({ status: 0, stdout: '' });
    const { status, stdout } = step('verify', mark, pull('open', 'abcdef0', 'lenient'));
    expect(status).toBe(1);
    expect(stdout).toContain('::error title=Not verified::The base was changed from main to lenient. Push a commit, or close');
    expect(verify).toContain('      pull-requests: read #');
    // Neither where GitHub does not say.
    expect(step('verify', mark, {}).status).toBe(1);
    for (const id of ['deploy', 'verify']) {
      expect(job('preview.yml', id)).toContain('BASE: ${{ github.event.pull_request.base.ref }}\n');
    }
  });

  test('runs nothing of the pull request, and of the default branch nothing but its own script', () => {
    expect(workflow('retarget.yml')).not.toMatch(/uses:|id-token|contents: write/);
  });
});

test('the nightly experiments are those whose faults a deployed stack can have', () => {
  const folder = join(REPOSITORY_ROOT, 'verifier', 'cli', 'experiments');
  const experiments = readdirSync(folder).map((file) => [file, readFileSync(join(folder, file), 'utf8')] as const);
  const deployable = experiments.filter(([, text]) => !/^faults:/m.test(text)).map(([file]) => file.replace('.yaml', ''));
  const [, chaos = ''] = sources.find(([path]) => path === join('workflows', 'chaos.yml')) ?? [];
  const [, nightly = '[]'] = /experiments='(\[.*\])'/.exec(chaos) ?? [];
  expect(deployable.length).toBeGreaterThan(0);
  expect(JSON.parse(nightly)).toEqual(deployable.sort());
});

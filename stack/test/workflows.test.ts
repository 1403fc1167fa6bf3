import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
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
      expect(workflow(name)).toContain('role-to-assume: ${{ vars.AWS_TEARDOWN_ROLE_ARN || vars.AWS_DEPLOY_ROLE_ARN }}');
    }
  });
});

describe('the gate', () => {
  const [verifier, verify] = [job('preview.yml', 'verifier'), job('preview.yml', 'verify')];

  test("is not judged by the pull request's own verifier", () => {
    expect(verifier).toContain('ref: ${{ github.event.pull_request.base.sha }}');
    // Neither what the pull request's jobs may have cached, nor credentials.
    expect(verifier).not.toMatch(/\bcache:|actions\/cache|id-token|\$\/|head\.sha/);
    expect(verify).not.toMatch(/actions\/checkout|actions\/cache|\$\//);
    // The digest is seen to before there are credentials, and those come before the run.
    expect(verify).toMatch(/sha256sum --check --strict.*configure-aws-credentials.*exec verifier check/s);
    expect(verify).toContain('SHA256: ${{ needs.verifier.outputs.sha256 }}');
  });

  const SOUND = { plan: 'success', deploys: 'true', build: 'success', deploy: 'success', deployed: 'true', verifier: 'success' };
  const LOST = { deploys: '', build: 'skipped', deploy: 'skipped', deployed: '', verifier: 'skipped' };
  /** What becomes of the gate after such jobs: it is skipped, fails at once, or looks at the stack. */
  function outcome({ cancelled = false, ...changes }: Partial<typeof SOUND> & { cancelled?: boolean }): 'skipped' | 'fails' | 'verifies' {
    const { plan, deploys, build, deploy, deployed, verifier } = { ...SOUND, ...changes };
    const needs = {
      plan: { result: plan, outputs: { deploys } },
      build: { result: build },
      deploy: { result: deploy, outputs: { deployed } },
      verifier: { result: verifier },
    };
    const holds = (expression: string) =>
      new Function('needs', 'cancelled', `return ${expression.trim().replace(/^\$\{\{(.*)\}\}$/s, '$1')};`)(needs, () => cancelled) as boolean;
    // Folded over lines or not; GitHub adds `success()` where no function asks for the status.
    const [, runs = ''] = /^ {4}if: (?:>-\n)?((?:.*\n)+?) {4}\w/m.exec(verify) ?? [];
    expect(runs).toMatch(/cancelled\(\)|always\(\)/);
    const [, fails = ''] = /^ {4}steps:\n {6}- name: .*\n {8}if: (?:>-\n)?((?:.*\n)+?) {8}\w/m.exec(verify) ?? [];
    return !holds(runs) ? 'skipped' : holds(fails) ? 'fails' : 'verifies';
  }

  test('looks at a stack that is deployed', () => {
    expect(outcome({})).toBe('verifies');
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
    expect(outcome(changes)).toBe('fails');
  });

  test('can be cancelled while it looks', () => {
    expect(outcome({ cancelled: true })).toBe('skipped');
  });

  test('is green without having verified anything for forks and bots, which README.md says', () => {
    const readme = readFileSync(join(REPOSITORY_ROOT, 'README.md'), 'utf8').replaceAll(/\s+/g, ' ');
    expect(readme).toMatch(/For forks and bots, `verify` is skipped, and GitHub counts that as passed: nothing was verified/);
  });

  test('runs exactly the binary whose digest it was told', () => {
    const script = /run: \|\n((?: {10}.*\n)+)/.exec(verify.slice(verify.indexOf('SHA256:')))?.[1] ?? '';
    const outcome = (digest: string) =>
      withTemporaryDirectory((folder) => {
        mkdirSync(join(folder, 'verifier'));
        writeFileSync(join(folder, 'verifier', 'verifier'), 'the binary');
        return spawnSync('bash', ['-eo', 'pipefail', '-c', script], { env: { ...process.env, RUNNER_TEMP: folder, SHA256: digest } }).status;
      });
    expect(outcome(createHash('sha256').update('the binary').digest('hex'))).toBe(0);
    expect(outcome(createHash('sha256').update('another').digest('hex'))).not.toBe(0);
    expect(outcome('')).not.toBe(0);
  });
});

describe('the commands of the verifier in the workflows', () => {
  const reference = readFileSync(join(REPOSITORY_ROOT, 'CLI.md'), 'utf8');
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
    expect(name, `CLI.md has no section on ${line}`).toBeDefined();
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
  const [, indented = ''] = /name: Write the comment, or write it anew\n.*?\n {8}run: \|\n(.*)/s.exec(preview) ?? [];
  const script = indented.replaceAll(/^ {10}/gm, '');
  /** Answers what the workflow asks GitHub, and notes what it sends. */
  const GH = `#!/usr/bin/env bash
    case "$*" in
      'api user --jq .login') [ -n "$LOGIN" ] && echo "$LOGIN" ;;
      *--paginate*) jq --raw-output "\${@: -1}" comments.json ;;
      *) echo "$*" >> sent.txt ;;
    esac`;
  const URLS = {
    PREVIEW_URL: 'https://d1.cloudfront.net/?pr=7',
    API_URL: 'https://a1.execute-api.eu-central-1.amazonaws.com/hello',
    JOB_URL: 'https://a1.execute-api.eu-central-1.amazonaws.com/jobs',
  };

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
        ...{ BUILT: 'success', DEPLOYED: 'success', VERIFIED: 'success', LOGIN: '', PR: '7', SHA: 'abcdef0123', PREVIEW_DAYS: '14' },
        ...{ GITHUB_REPOSITORY: 'o/r', GITHUB_RUN_ID: '1', GITHUB_SERVER_URL: 'https://github.com' },
        ...URLS,
        ...environment,
      };
      const { status, stderr } = spawnSync('bash', ['-euo', 'pipefail', '-c', script], { cwd: folder, env, encoding: 'utf8' });
      expect(status, stderr).toBe(0);
      const read = (name: string) => readFileSync(join(folder, name), 'utf8');
      return { body: read('body.md').split('\n'), sent: read('sent.txt') };
    });
  }

  test('begins with the marker and the three lines, and has verdict and report below', () => {
    const { body, sent } = write({}, [], '**PASS**\n\n23 passed\n');
    expect(body.slice(0, 5)).toEqual([
      '<!-- pr-preview-urls -->',
      `Preview: ${URLS.PREVIEW_URL}`,
      `API: ${URLS.API_URL}`,
      `Jobs: ${URLS.JOB_URL}`,
      '',
    ]);
    expect(body.indexOf('**PASS**')).toBeGreaterThan(4);
    expect(sent).toContain('--method POST repos/o/r/issues/7/comments');
  });

  test('has no URLs where nothing was deployed', () => {
    const { body } = write({ DEPLOYED: 'failure' });
    expect(body[0]).toBe('<!-- pr-preview-urls -->');
    expect(body.join('\n')).toContain('It was **not deployed**');
    expect(body.join('\n')).not.toContain('https://d1');
  });

  test('is written anew where a bot, or the owner of the token, has written it', () => {
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

test('the nightly experiments are those whose faults a deployed stack can have', () => {
  const folder = join(REPOSITORY_ROOT, 'verifier', 'cli', 'experiments');
  const experiments = readdirSync(folder).map((file) => [file, readFileSync(join(folder, file), 'utf8')] as const);
  const deployable = experiments.filter(([, text]) => !/^faults:/m.test(text)).map(([file]) => file.replace('.yaml', ''));
  const [, chaos = ''] = sources.find(([path]) => path === join('workflows', 'chaos.yml')) ?? [];
  const [, nightly = '[]'] = /experiments='(\[.*\])'/.exec(chaos) ?? [];
  expect(deployable.length).toBeGreaterThan(0);
  expect(JSON.parse(nightly)).toEqual(deployable.sort());
});

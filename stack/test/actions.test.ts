import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { BOTS } from '../lib/bots.ts';
import { REPOSITORY_ROOT } from '../lib/paths.ts';
import { withTemporaryDirectory } from '../lib/temporary-directory.ts';
import { Preview, defaultPreview } from './support.ts';

const ACTIONS = join(REPOSITORY_ROOT, '.github', 'actions');
const REPOSITORY = { GITHUB_REPOSITORY: 'octo/new-name', GITHUB_REPOSITORY_ID: '42' };

/** Runs an action's script as a workflow would, with shell scripts in place of the programs that reach elsewhere. */
function run(script: string, env: Record<string, string>, programs: Record<string, string> = {}) {
  return withTemporaryDirectory((folder) => {
    const bin = join(folder, 'bin');
    mkdirSync(bin);
    for (const [name, body] of Object.entries(programs)) {
      const record = `printf '%s ' ${name} "$@" >> "${folder}/calls"; echo >> "${folder}/calls"`;
      writeFileSync(join(bin, name), `#!/usr/bin/env bash\n${record}\n${body}\n`, { mode: 0o755 });
    }
    const file = (name: string) => (existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'utf8') : '');
    const { status, stdout, stderr } = spawnSync(join(ACTIONS, script), {
      cwd: folder,
      encoding: 'utf8',
      env: {
        PATH: [bin, process.env['PATH']].join(delimiter),
        GITHUB_OUTPUT: join(folder, 'output'),
        GITHUB_STEP_SUMMARY: join(folder, 'summary'),
        RUNNER_TEMP: folder,
        ...REPOSITORY,
        ...env,
      },
    });
    const outputs = Object.fromEntries(file('output').split('\n').filter(Boolean).map((line) => {
      const at = line.indexOf('=');
      return [line.slice(0, at), line.slice(at + 1)];
    }));
    return { status, log: stdout + stderr, outputs, summary: file('summary'), calls: file('calls').replaceAll(folder, '') };
  });
}

/** What is below this folder of `.github`. */
const sources = (folder: string) =>
  readdirSync(join(REPOSITORY_ROOT, '.github', folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.\w+$/.test(path))
    .map((path) => [path, readFileSync(join(REPOSITORY_ROOT, '.github', folder, path), 'utf8')] as const);

describe('whether a pull request gets a preview', () => {
  const ACCOUNT = { BOUNDARY_POLICY: 'arn:b', DEPLOY_ROLE: 'arn:d', VERIFY_ROLE: 'arn:v', TEARDOWN_ROLE: 'arn:t', REGION: 'eu-central-1' };
  const NO_ACCOUNT = { DEPLOY_ROLE: '', VERIFY_ROLE: '', TEARDOWN_ROLE: '' };
  const PERSON = {
    ...{ EVENT: 'pull_request', HEAD_REPOSITORY_ID: '42' },
    ...{ AUTHOR: 'octocat', AUTHOR_TYPE: 'User', ACTOR: 'octocat', SENDER: 'octocat', SENDER_TYPE: 'User' },
    TRIGGERING_ACTOR: 'octocat',
    ...ACCOUNT,
  };
  const FORK = { HEAD_REPOSITORY_ID: '7' };
  const BOT = { AUTHOR: 'dependabot[bot]', AUTHOR_TYPE: 'Bot' };
  const pull = (number: number, sha: string, repository: number | null = 42, type = 'User') =>
    ({ number, user: { type }, head: { sha, repo: repository === null ? null : { id: repository, full_name: 'octo/new-name' } } });
  /** Pages of what GitHub answers, to be read by a shell. */
  const pages = (...each: object[]) => `cat <<'JSON'\n${each.map((page) => JSON.stringify(page)).join('\n')}\nJSON`;
  const checks = (...conclusions: (string | null)[]) => ({ check_runs: conclusions.map((conclusion) => ({ name: 'verify', conclusion })) });
  const ran = (...repositories: (number | null)[]) =>
    ({ total_count: repositories.length, workflow_runs: repositories.map((id) => ({ head_repository: id === null ? null : { id } })) });
  const ask = (changes: Record<string, string>, pulls: string, runs: string, workflows = pages(ran(42), ran())) =>
    run('plan/plan.sh', { PR: '7', SHA: 'abcdef0', ...PERSON, ...changes }, {
      gh: `case "$*" in\n*/octo/new-name/pulls?*) ${pulls}\n;;\n*/octo/new-name/commits/abcdef0/check-runs?check_name=verify*) ${runs}\n;;\n*/octo/new-name/actions/runs?head_sha=abcdef0*) ${workflows}\n;;\n*) exit 1 ;;\nesac`,
    });
  const plan = (changes: Record<string, string>, open: object[] = [pull(7, 'abcdef0')]) =>
    ask(changes, pages(open, []), pages(checks(null), checks()));

  test.each([
    ['of checks', 'true', undefined],
    ['of runs', undefined, 'true'],
  ])('it does not where the list %s is not answered at all, which is no empty list', (_name, checks_, runs_) => {
    const { status } = ask({}, pages([pull(7, 'abcdef0')], []), checks_ ?? pages(checks(null), checks()), runs_ ?? pages(ran(42), ran()));
    expect(status).toBe(1);
    expect(ask(FORK, 'true', pages(checks()), undefined).status).toBe(1);
  });

  test.each([
    ['one of a person', {}],
    ['another person pushed to it', { ACTOR: 'hubot-fan', SENDER: 'hubot-fan', TRIGGERING_ACTOR: 'hubot-fan' }],
    ['another person ran it again', { TRIGGERING_ACTOR: 'reviewer' }],
    ['persons whose names only look like those of bots', { AUTHOR: 'robotnik', ACTOR: 'renovated', SENDER: 'bot-in-name', TRIGGERING_ACTOR: 'copilots' }],
  ])('it does: %s', (_name, changes) => {
    expect(plan(changes)).toMatchObject({ status: 0, outputs: { deploys: 'true' }, summary: '' });
  });

  test.each([
    ["a merge queue's commit", { EVENT: 'merge_group', HEAD_REPOSITORY_ID: '', AUTHOR: '', AUTHOR_TYPE: '' }, 'Each of its pull requests passed'],
    ['a fork', FORK, 'comes from a fork'],
    ['a fork that is gone', { HEAD_REPOSITORY_ID: '' }, 'comes from a fork'],
    ['a fork, touched by a bot', { ...FORK, ACTOR: 'renovate[bot]', SENDER: 'renovate[bot]' }, 'comes from a fork'],
    ['a fork, of a bot', { ...FORK, ...BOT }, 'comes from a fork'],
    ['a bot, by its name', { ...BOT, AUTHOR_TYPE: 'User' }, 'the author is dependabot[bot]'],
    ['a bot, by its type', { ...BOT, AUTHOR: 'in-house' }, 'the author is in-house'],
    ['a bot, pushed to by a person', BOT, 'the author is dependabot[bot]'],
    ['a bot, pushed to by itself', { ...BOT, ACTOR: 'dependabot[bot]', SENDER: 'dependabot[bot]', SENDER_TYPE: 'Bot' }, 'the author is dependabot[bot]'],
    ['a bot, without an account', { ...BOT, ...NO_ACCOUNT }, 'the author is dependabot[bot]'],
    ['a user that acts as a bot', { AUTHOR: 'renovate-bot' }, 'the author is renovate-bot'],
    ['without an account', NO_ACCOUNT, 'no AWS account is connected'],
    ['without an account, and touched by a bot', { ...NO_ACCOUNT, ACTOR: 'renovate[bot]' }, 'no AWS account is connected'],
    ['without an account, of nobody', { ...NO_ACCOUNT, REGION: '', AUTHOR: '' }, 'no AWS account is connected'],
  ])('it does not by design, and the gate is skipped: %s', (_name, changes, why) => {
    const { status, outputs, summary, log } = plan(changes);
    expect([status, outputs]).toEqual([0, { deploys: 'false' }]);
    expect(summary).toContain('There is **no preview**');
    expect(summary).toContain(why);
    expect(log).toContain('::notice title=No preview::');
  });

  const [PUSH, AGAIN] = ['Push a commit of your own, or close', 'Run all jobs again yourself'];
  test.each([
    ['a bot pushed', { ACTOR: 'pre-commit-ci[bot]', SENDER: 'pre-commit-ci[bot]', SENDER_TYPE: 'Bot', TRIGGERING_ACTOR: 'pre-commit-ci[bot]' }, 'the actor is pre-commit-ci[bot]', PUSH],
    ['a bot pushed, and a person ran it again', { ACTOR: 'pre-commit-ci[bot]', SENDER: 'pre-commit-ci[bot]', SENDER_TYPE: 'Bot' }, 'the actor is pre-commit-ci[bot]', PUSH],
    ['a bot pushed, by its type', { SENDER: 'in-house', SENDER_TYPE: 'Bot' }, 'the sender is in-house', PUSH],
    ['a bot ran it again', { TRIGGERING_ACTOR: 'github-actions[bot]' }, 'the triggering actor is github-actions[bot]', AGAIN],
    ['nobody is named as author', { AUTHOR: '', AUTHOR_TYPE: '' }, 'does not say who the author is', 'Open a pull request of your own'],
    ['nobody is named as actor', { ACTOR: '' }, 'does not say who the actor is', PUSH],
    ['nobody is named as sender', { SENDER: '' }, 'does not say who the sender is', PUSH],
    ['nobody is named who ran it', { TRIGGERING_ACTOR: '' }, 'does not say who the triggering actor is', AGAIN],
    ['an account without a role to deploy', { DEPLOY_ROLE: '' }, 'no variable AWS_DEPLOY_ROLE_ARN.', 'run all jobs again'],
    ['an account without a role to verify', { VERIFY_ROLE: '' }, 'no variable AWS_VERIFY_ROLE_ARN.', 'run all jobs again'],
    ['an account without a role to delete, and a region', { TEARDOWN_ROLE: '', REGION: '' }, 'no variable AWS_TEARDOWN_ROLE_ARN, AWS_REGION.', 'run all jobs again'],
    ['an account without the boundary, without which a preview makes no role', { BOUNDARY_POLICY: '' }, 'no variable AWS_BOUNDARY_POLICY_ARN.', 'run all jobs again'],
    ['another event', { EVENT: 'workflow_dispatch' }, 'not on the event workflow_dispatch', 'Take that event out'],
    ['no event', { EVENT: '' }, 'GitHub does not name', 'Take that event out'],
  ])('it should, and may not, so that the gate fails: %s', (_name, changes, why, next) => {
    const { status, outputs, summary, log } = plan(changes);
    expect([status, Object.keys(outputs)]).toEqual([1, ['why']]);
    for (const text of [outputs['why'], summary, log]) {
      expect(text).toContain(why);
      expect(text).toContain(next);
    }
    expect(log).toContain('::error title=Not verified::');
  });

  test.each([
    ['a fork', FORK],
    ['a bot', BOT],
  ])('it does not, and the gate fails where a person has a pull request of the same commit: %s', (_name, changes) => {
    const theirs = [pull(7, 'abcdef0', changes === FORK ? 7 : 42), pull(9, 'fedcba3'), pull(10, 'abcdef0', null), pull(11, 'abcdef0', 42, 'Bot')];
    expect(plan(changes, theirs)).toMatchObject({ status: 0, outputs: { deploys: 'false' } });
    const { status, outputs } = plan(changes, [...theirs, pull(8, 'abcdef0')]);
    expect([status, Object.keys(outputs)]).toEqual([1, ['why']]);
    expect(outputs['why']).toMatch(/pull request 8 of this repository has the same commit.*Close this one/);
    // A person's own is evaluated, whoever else has the commit.
    expect(plan({}, [...theirs, pull(8, 'abcdef0')]).outputs).toEqual({ deploys: 'true' });
  });

  test('it does not, and the gate fails while GitHub does not say who else has the commit', () => {
    const { status, outputs } = ask(FORK, 'echo "HTTP 502" >&2; exit 1', pages(checks()));
    expect([status, Object.keys(outputs)]).toEqual([1, ['why']]);
    expect(outputs['why']).toMatch(/GitHub does not say whether another pull request has the same commit.*Run all jobs again/);
  });

  test.each([
    ['a fork, a bot or a merge queue left it', [checks('skipped')]],
    ['a later one failed', [checks('failure', 'skipped')]],
    ['a later one passed', [checks('success', 'skipped')]],
    ['on the second page', [checks('failure'), checks('skipped')]],
  ])('it does not, and the gate fails where it was skipped for this commit before, which counts as passed: %s', (_name, found) => {
    const { status, outputs, calls } = ask({}, pages([]), pages(...found));
    expect([status, Object.keys(outputs)]).toEqual([1, ['why']]);
    expect(outputs['why']).toMatch(/verify was skipped for this commit before.*Push a commit of your own.*git commit --amend/);
    // All of them, and not the latest of each suite alone.
    expect(calls).toContain('&filter=all');
  });

  test.each([
    ['there is none', [{ check_runs: [] }]],
    ['it failed, passed, was cancelled, or runs', [checks('failure', 'success', 'cancelled'), checks(null, 'timed_out', 'neutral')]],
  ])('it does where the gate was never skipped for this commit: %s', (_name, found) => {
    expect(ask({}, pages([]), pages(...found)).outputs).toEqual({ deploys: 'true' });
  });

  test('it does not, and the gate fails while GitHub does not say whether it was skipped', () => {
    const { status, outputs } = ask({}, pages([]), 'echo "HTTP 502" >&2; exit 1');
    expect([status, Object.keys(outputs)]).toEqual([1, ['why']]);
    expect(outputs['why']).toMatch(/GitHub does not say whether verify was skipped.*Run all jobs again/);
  });

  test.each([
    ["a fork's", [ran(42, 7)]],
    ["that of a fork which is gone", [ran(42, null)]],
    ['on the second page', [ran(42), ran(7)]],
  ])("it does not, and the gate fails where a fork's workflows ran at this commit, whose verify counts whatever it says: %s", (_name, found) => {
    const { status, outputs, calls } = ask({}, pages([]), pages(checks('success')), pages(...found));
    expect([status, Object.keys(outputs)]).toEqual([1, ['why']]);
    expect(outputs['why']).toMatch(/a fork's workflows ran at this commit.*Push a commit of your own.*git commit --amend/);
    expect(calls).toContain('gh api --paginate repos/octo/new-name/actions/runs?');
  });

  test.each([['there was none', [ran()]], ["they were this repository's", [ran(42, 42), ran(42)]]])('it does where the runs at this commit say nothing against it: %s', (_name, found) => {
    expect(ask({}, pages([]), pages(checks('success')), pages(...found)).outputs).toEqual({ deploys: 'true' });
  });

  test.each([
    ['does not answer', 'echo "HTTP 502" >&2; exit 1'],
    ['does not list them all', pages({ ...ran(42), total_count: 1001 })],
    ['answers something else', pages({ message: 'x' })],
  ])('it does not, and the gate fails while GitHub does not say whose workflows ran: it %s', (_name, workflows) => {
    const { status, outputs } = ask({}, pages([]), pages(checks()), workflows);
    expect([status, Object.keys(outputs)]).toEqual([1, ['why']]);
    expect(outputs['why']).toMatch(/GitHub does not say whether a fork's workflows ran.*Run all jobs again/);
  });

  test('those that it does not are skipped whatever was skipped before', () => {
    for (const changes of [FORK, BOT, NO_ACCOUNT, { EVENT: 'merge_group', HEAD_REPOSITORY_ID: '' }]) {
      expect(ask(changes, pages([]), pages(checks('skipped'))).outputs).toEqual({ deploys: 'false' });
    }
  });

  test('and where it does not, a pull request of the same commits would be no way out, so that no hint says so', () => {
    for (const changes of [FORK, BOT]) {
      expect(plan(changes).summary).toContain('a commit of');
      expect(plan(changes).summary).toContain('git commit --amend');
    }
    expect(readFileSync(join(ACTIONS, 'plan/plan.sh'), 'utf8')).not.toContain('with these commits');
  });

  test('may ask GitHub for what it asks', () => {
    const workflow = readFileSync(join(REPOSITORY_ROOT, '.github', 'workflows', 'preview.yml'), 'utf8');
    const [, permissions = ''] = /^ {2}plan:\n[^]*?\n {4}permissions:\n((?: {6}.*\n)+)/m.exec(workflow) ?? [];
    expect(permissions.replaceAll(/ *(#.*)?\n */g, ' ').trim()).toBe('actions: read checks: read contents: read pull-requests: read');
  });

  test("knows the repository by its id: a run that is repeated has the names of the event's time, which a rename changes", () => {
    for (const name of ['octo/old-name', 'octo/new-name', 'mallory/old-name']) {
      expect(plan({ HEAD_REPOSITORY: name }).outputs).toEqual({ deploys: 'true' });
      expect(plan({ ...FORK, HEAD_REPOSITORY: name }).outputs).toEqual({ deploys: 'false' });
    }
    for (const [path, text] of [...sources('actions'), ...sources('workflows')]) {
      expect(text, path).not.toMatch(/head\.repo\.full_name|head\.repo\.name/);
    }
    expect(readFileSync(join(ACTIONS, 'plan/action.yml'), 'utf8')).toContain('HEAD_REPOSITORY_ID: ${{ github.event.pull_request.head.repo.id }}\n');
  });

  test('is the same whatever the base, and whatever the attempt', () => {
    const action = readFileSync(join(ACTIONS, 'plan/action.yml'), 'utf8');
    expect(action).not.toMatch(/base\.|base_ref|run_attempt/);
  });

  test.each(['dependabot[bot]', 'Copilot', 'dependabot', 'github-actions', 'renovate', 'renovate-bot', 'anything[bot]'])('%s is a bot', (login) => {
    expect(plan({ AUTHOR: login }).outputs).toEqual({ deploys: 'false' });
    expect(plan({ ACTOR: login }).status).toBe(1);
  });

  test('by the logins that AWS refuses as well', () => {
    const [, patterns = ''] = /^ {4}(\S.*)\) return 0 ;;$/m.exec(readFileSync(join(ACTIONS, 'plan/plan.sh'), 'utf8')) ?? [];
    expect(patterns.replaceAll("'", '').split(' | ')).toEqual([...BOTS]);
  });
});

const tags = (values: Record<string, string>) => Object.entries(values).map(([Key, Value]) => ({ Key, Value }));
const stack = (name: string, values: Record<string, string>) => ({
  StackName: name,
  Tags: tags({ preview: 'true', ...values }),
  Outputs: [{ OutputKey: 'PreviewUrl', OutputValue: 'https://d.example/?pr=7' }],
});
const NOT_FOUND = 'echo "gh: Not Found (HTTP 404)" >&2; echo "{}"; exit 1';

const find = (stacks: unknown[], pulls: Record<string, string>) =>
  run('find-previews/find.sh', { NOW: '2026-06-15T00:00:00Z' }, {
    aws: `cat <<'JSON'\n${JSON.stringify({ Stacks: stacks })}\nJSON`,
    gh: `case $2 in\n${Object.entries(pulls).map(([pr, does]) => `*/pulls/${pr}) ${does} ;;`).join('\n')}\n*) ${NOT_FOUND} ;;\nesac`,
  });

describe('the previews that nobody needs', () => {
  const ours = { 'repo-id': '42', repo: 'octo/new-name' };

  test('are those that are expired, and those whose pull request is closed', () => {
    const { status, outputs, summary } = find(
      [
        stack('Stack-PR1', { ...ours, 'expires-at': '2026-06-14T23:59:59Z' }),
        stack('Stack-PR2', { ...ours, 'expires-at': '2026-06-15T00:00:01Z' }),
        stack('Stack-PR3', ours),
        stack('Stack-PR4', { ...ours, 'expires-at': 'never' }),
      ],
      { 1: 'echo open', 2: 'echo open', 3: 'echo closed', 4: 'echo open' },
    );
    expect([status, outputs]).toEqual([0, { prs: '["1","3"]' }]);
    expect(summary).toContain('2 of 4 previews');
  });

  test('are those of this repository, under whatever name they were deployed', () => {
    const expired = { 'expires-at': '2026-01-01T00:00:00Z' };
    const { outputs } = find(
      [
        stack('Stack-PR1', { ...expired, 'repo-id': '42', repo: 'octo/old-name' }),
        stack('Stack-PR2', { ...expired, 'repo-id': '43', repo: 'octo/new-name' }),
        stack('Stack-PR3', { ...expired, repo: 'octo/new-name' }),
        stack('Stack-PR4', { ...expired, repo: 'octo/old-name' }),
        stack('Stack-PR5', { ...expired }),
        { ...stack('Stack-PR6', { ...expired, ...ours }), Tags: tags({ ...expired, ...ours }) },
        { StackName: 'Stack-PR7' },
        stack('Stack-PR08', { ...expired, ...ours }),
        stack('Stack-PR9-copy', { ...expired, ...ours }),
      ],
      {},
    );
    expect(outputs).toEqual({ prs: '["1","3"]' });
  });

  test('are what chaos.yml left behind a day ago, which has no pull request, and not what it deploys now', () => {
    const chaos = (expires: string) => find([stack('Stack-PR999999999', { ...ours, 'expires-at': expires })], {});
    expect(chaos('2026-06-14T02:41:00Z')).toMatchObject({ status: 0, outputs: { prs: '["999999999"]' } });
    expect(chaos('2026-06-16T02:41:00Z')).toMatchObject({ status: 0, outputs: { prs: '[]' } });
  });

  test.each(['gh: Server Error (HTTP 502)', 'gh: Resource not accessible by integration (HTTP 403)'])('are kept while GitHub does not answer, and the rest is swept, but the job fails: %s', (error) => {
    const lost = `echo "${error}" >&2; exit 1`;
    const expired = stack('Stack-PR3', { ...ours, 'expires-at': '2026-06-14T23:59:59Z' });
    const { status, outputs, log } = find([stack('Stack-PR1', ours), stack('Stack-PR2', ours), expired], { 1: lost, 2: 'echo closed', 3: lost });
    expect([status, outputs]).toEqual([1, { prs: '["2","3"]' }]);
    expect(log).toContain('::warning title=Not looked at::Stack-PR1');
    expect(log).toMatch(/::error title=Not swept::GitHub does not say whether the pull requests of 1 of 3 previews are open\..*run this again/);
    // Nothing that is expired is asked for.
    expect(find([expired], { 3: lost })).toMatchObject({ status: 0, outputs: { prs: '["3"]' } });
  });

  test("of another repository are named, since nothing here deletes them", () => {
    const { status, outputs, log } = find(
      [stack('Stack-PR1', { 'repo-id': '43' }), stack('Stack-PR2', { repo: 'octo/old-name' }), stack('Stack-PR3', ours), stack('Orders', { 'repo-id': '43' }), { StackName: 'Stack-PR4' }],
      { 3: 'echo open' },
    );
    expect([status, outputs]).toEqual([0, { prs: '[]' }]);
    expect([...log.matchAll(/::warning title=Not ours::(\S+) /g)].map(([, name]) => name)).toEqual(['Stack-PR1', 'Stack-PR2']);
  });

  test('are none where there are none, and too many are left for the next night', () => {
    expect(find([], {}).outputs).toEqual({ prs: '[]' });
    const many = Array.from({ length: 300 }, (_, index) => stack(`Stack-PR${index + 1}`, { ...ours, 'expires-at': '2026-01-01T00:00:00Z' }));
    expect(JSON.parse(find(many, {}).outputs['prs'] ?? '')).toHaveLength(256);
  });
});

describe('the deletion of a preview', () => {
  const remove = (pr: string, found: unknown, { gh = 'echo closed', wait = 'true', force = 'false' } = {}) =>
    run('delete-preview/delete.sh', { PR: pr, FORCE: force, NOW: '2026-06-15T00:00:00Z' }, {
      aws: `case $2 in
        describe-stacks) ${found === undefined ? 'echo "Stack with id Stack-PR7 does not exist" >&2; exit 254' : `cat <<'JSON'\n${JSON.stringify(found)}\nJSON`}\n;;
        delete-stack) ;;
        wait) ${wait} ;;
        describe-stack-events) echo "SiteBucket is not empty" ;;
      esac`,
      gh,
    });
  const ours = stack('Stack-PR7', { 'repo-id': '42', repo: 'octo/old-name' });

  test('deletes it, and says where it was', () => {
    const { status, outputs, calls } = remove('7', ours);
    expect([status, outputs]).toEqual([0, { deleted: 'true', 'pull-request': 'true' }]);
    expect(calls).toContain('aws cloudformation delete-stack --stack-name Stack-PR7');
  });

  test('of an abandoned experiment ends well, although it has no pull request', () => {
    const expired = stack('Stack-PR999999999', { 'repo-id': '42', 'expires-at': '2026-06-14T02:41:00Z' });
    const { status, outputs } = remove('999999999', expired, { gh: NOT_FOUND });
    expect([status, outputs['deleted'], outputs['pull-request']]).toEqual([0, 'true', 'false']);
  });

  test('of an experiment belongs to no pull request, whatever GitHub answers, so that nobody comments on one', () => {
    const fresh = stack('Stack-PR999999999', { 'repo-id': '42', 'expires-at': '2026-06-17T02:41:00Z' });
    for (const gh of [NOT_FOUND, 'echo "gh: Server Error (HTTP 502)" >&2; exit 1']) {
      const { status, outputs, log } = remove('999999999', fresh, { force: 'true', gh });
      expect([status, outputs['deleted'], outputs['pull-request']]).toEqual([0, 'true', 'false']);
      expect(log).not.toContain('::warning');
    }
  });

  describe('looks again at whether it is needed, after it waited for its turn', () => {
    const until = (expires: string) => stack('Stack-PR7', { 'repo-id': '42', 'expires-at': expires });
    const [fresh, expired] = [until('2026-06-15T00:00:01Z'), until('2026-06-14T23:59:59Z')];

    test.each([
      ['closed, and not expired', fresh, 'echo closed', true],
      ['open, and expired', expired, 'echo open', true],
      ['of no pull request, and expired', expired, NOT_FOUND, true],
      ['opened again', fresh, 'echo open', false],
      ['opened again, of the oldest, which never expire', ours, 'echo open', false],
      ['pushed to, so that it expires later', until('2026-06-29T00:00:00Z'), 'echo open', false],
      ['of no pull request, and not expired', fresh, NOT_FOUND, false],
    ])('%s', (_name, found, gh, deleted) => {
      const { status, outputs, calls, log } = remove('7', found, { gh });
      expect([status, outputs['deleted']]).toEqual([0, deleted ? 'true' : undefined]);
      expect(calls.includes('delete-stack')).toBe(deleted);
      expect(log.includes('::notice title=Not deleted::Stack-PR7')).toBe(!deleted);
    });

    test('whatever GitHub says, or does not, where it is expired, as the sweep that found it', () => {
      const { status, calls } = remove('7', expired, { gh: 'echo "gh: Server Error (HTTP 502)" >&2; exit 1' });
      expect(status).toBe(0);
      expect(calls).toContain('delete-stack');
    });

    test.each(['', 'soon', '0', '2026-06-14', '-'])('takes no other text for the time when it expires: %j', (text) => {
      const { status, calls } = remove('7', until(text), { gh: 'echo open' });
      expect(status).toBe(0);
      expect(calls).not.toContain('delete-stack');
    });

    test.each([
      ['UPDATE_IN_PROGRESS', false],
      ['UPDATE_ROLLBACK_IN_PROGRESS', false],
      ['UPDATE_COMPLETE_CLEANUP_IN_PROGRESS', false],
      ['CREATE_IN_PROGRESS', true],
      ['UPDATE_ROLLBACK_FAILED', true],
    ])('and says that CloudFormation deletes no stack that it updates: %s', (StackStatus, deleted) => {
      const { status, calls, log } = remove('7', { ...expired, StackStatus }, { gh: 'echo open' });
      expect(status === 0).toBe(deleted);
      expect(calls.includes('delete-stack')).toBe(deleted);
      expect(log.includes(`::error title=Not deleted::Stack-PR7 is ${StackStatus},`)).toBe(!deleted);
    });

    test('and deletes nothing while GitHub does not say', () => {
      const { status, calls, log } = remove('7', fresh, { gh: 'echo "gh: Server Error (HTTP 502)" >&2; exit 1' });
      expect(status).toBe(1);
      expect(log).toMatch(/::error title=Not deleted::Stack-PR7 is kept: [^]*HTTP 502/);
      expect(calls).not.toContain('delete-stack');
    });

    test('unless it is to be deleted all the same', () => {
      for (const gh of ['echo open', NOT_FOUND]) {
        const { status, outputs, calls } = remove('7', fresh, { gh, force: 'true' });
        expect([status, outputs['deleted'], outputs['pull-request']]).toEqual([0, 'true', String(gh !== NOT_FOUND)]);
        expect(calls).toContain('delete-stack');
      }
    });
  });

  test('does not try what termination protection refuses, and says what lifts it', () => {
    for (const force of ['true', 'false']) {
      const { status, calls, log } = remove('7', { ...ours, EnableTerminationProtection: true }, { force });
      expect(status).toBe(1);
      expect(calls).not.toContain('delete-stack');
      expect(log).toMatch(/::error title=Not deleted::Stack-PR7 has termination protection.*update-termination-protection/);
    }
    expect(remove('7', { ...ours, EnableTerminationProtection: false }).status).toBe(0);
    // One that is still needed is kept without an error.
    expect(remove('7', { ...ours, EnableTerminationProtection: true }, { gh: 'echo open' }).status).toBe(0);
  });

  test.each([['closed', 'true'], ['open', 'true']])('ends well where it is gone already, and says so in its pull request: %s', (state, pullRequest) => {
    const { status, outputs, summary, calls } = remove('7', undefined, { gh: `echo ${state}` });
    expect([status, outputs]).toEqual([0, { deleted: 'false', 'pull-request': pullRequest }]);
    expect(summary).toContain('there is nothing to delete');
    expect(calls).not.toContain('delete-stack');
  });

  test('ends well where it is gone already, and belongs to no pull request', () => {
    expect(remove('999999999', undefined, { gh: NOT_FOUND })).toMatchObject({ status: 0, outputs: { deleted: 'false', 'pull-request': 'false' } });
  });

  test('is told where GitHub did not answer after it, and in a repeated run, too', () => {
    const gh = 'echo "gh: Server Error (HTTP 502)" >&2; exit 1';
    const first = remove('7', ours, { gh, force: 'true' });
    expect(first).toMatchObject({ status: 0, outputs: { deleted: 'true', 'pull-request': 'true' } });
    expect(first.log).toContain('::warning title=Not looked up::GitHub does not say whether there is a pull request 7: gh: Server Error (HTTP 502)');
    expect(remove('7', undefined, { gh })).toMatchObject({ status: 0, outputs: { deleted: 'false', 'pull-request': 'true' } });
  });

  describe('of what a change set left that was never executed', () => {
    const shell = (created: string, changes: object = {}) =>
      ({ StackName: 'Stack-PR7', StackStatus: 'REVIEW_IN_PROGRESS', CreationTime: created, Tags: [], ...changes });
    const [young, old] = ['2026-06-14T00:00:01.123000+00:00', '2026-06-13T23:59:59.123000+00:00'];

    test.each([
      ['closed', shell(young), 'echo closed', 'false', true],
      ['open, and a day old', shell(old), 'echo open', 'false', true],
      ['of no pull request, and a day old', shell(old), NOT_FOUND, 'false', true],
      ['open, by hand', shell(young), 'echo open', 'true', true],
      ['open, and its deployment may go on', shell(young), 'echo open', 'false', false],
    ])('%s', (_name, found, gh, force, deleted) => {
      const { status, calls } = remove('7', found, { gh, force });
      expect([status, calls.includes('delete-stack')]).toEqual([0, deleted]);
    });

    test.each([
      ['has resources', shell(old, { StackStatus: 'CREATE_COMPLETE' })],
      ['is tagged as another repository', shell(old, { Tags: tags({ preview: 'true', 'repo-id': '43' }) })],
      ['is tagged as something else', shell(old, { Tags: tags({ team: 'billing' }) })],
    ])('not where it %s', (_name, found) => {
      expect(remove('7', found, { force: 'true' })).toMatchObject({ status: 1, outputs: {} });
    });

    test('which the sweep finds a day later, or when its pull request is closed', () => {
      const named = (name: string, created: string) => shell(created, { StackName: name });
      const { outputs } = find(
        [named('Stack-PR1', old), named('Stack-PR2', young), named('Stack-PR3', young), named('Orders', old), named('Stack-PR4-copy', old), named('Stack-PROD', old)],
        { 1: 'echo open', 2: 'echo open', 3: 'echo closed' },
      );
      expect(outputs).toEqual({ prs: '["1","3"]' });
    });
  });

  test.each([
    ['another repository', stack('Stack-PR7', { 'repo-id': '43', repo: 'octo/new-name' })],
    ['another repository, by its name', stack('Stack-PR7', { repo: 'mallory/new-name' })],
    ['nobody', { StackName: 'Stack-PR7', Tags: [] }],
  ])('leaves alone what is of %s', (_name, found) => {
    const { status, calls } = remove('7', found);
    expect(status).toBe(1);
    expect(calls).not.toContain('delete-stack');
  });

  test.each(['', '0', '7; rm', '-1', '1234567890'])('wants a number, not %j', (pr) => {
    expect(remove(pr, ours)).toMatchObject({ status: 1, calls: '' });
  });

  test('says what is in the way', () => {
    const { status, log } = remove('7', ours, { wait: 'exit 255' });
    expect(status).toBe(1);
    expect(log).toContain('SiteBucket is not empty');
    // A custom resource's reason is its author's, and the runner takes no command of it.
    const [, token = '', said = ''] = /^::stop-commands::([0-9a-f]{32})\n([^]*?)\n::\1::$/m.exec(log) ?? [];
    expect(said).toContain('SiteBucket is not empty');
    expect(log.indexOf(`::${token}::`)).toBeLessThan(log.indexOf('::error::Stack-PR7 is not deleted'));
  });
});

describe('the synthesis of a preview', () => {
  const RUN = {
    ...{ PR: '7', SHA: '0123456789abcdef', DAYS: '14', GITHUB_RUN_ID: '1', GITHUB_RUN_ATTEMPT: '2' },
    GITHUB_SERVER_URL: 'https://github.com',
  };
  const synthesise = (env: Record<string, string>) =>
    run('synthesise/synthesise.sh', { ...RUN, ...env }, { npm: 'true', npx: 'true' });

  test("gives every context value that the preview has no good default for, and runs no package's script", () => {
    const { status, calls } = synthesise({});
    expect(status).toBe(0);
    expect(calls.split('\n')[0]).toBe('npm ci --ignore-scripts ');
    for (const value of ['pr=7', 'repo=octo/new-name', 'repoId=42', 'sha=0123456789abcdef', 'run=1/2', 'repositoryUrl=https://github.com/octo/new-name']) {
      expect(calls).toContain(`-c ${value} `);
    }
    expect(calls).toMatch(/-c expires=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ /);
    expect(calls).not.toMatch(/headersPolicy|boundary|qualifier/);
  });

  test('by hand is told the same', () => {
    const script = readFileSync(join(REPOSITORY_ROOT, 'stack', 'bin', 'preview.sh'), 'utf8');
    const keys = (text: string) => [...text.matchAll(/-c "?(\w+)=/g)].map(([, key]) => key).sort();
    const { calls } = synthesise({ HEADERS_POLICY: 'h', BOUNDARY_POLICY: 'arn:b', QUALIFIER: 'previews' });
    // Links lead to github.com where nothing else is said.
    expect(keys(script)).toEqual(keys(calls).filter((key) => key !== 'repositoryUrl'));
  });

  test("gives the account's values where there are some", () => {
    const { calls } = synthesise({ HEADERS_POLICY: 'h', BOUNDARY_POLICY: 'arn:b', QUALIFIER: 'previews' });
    expect(calls).toContain('-c headersPolicy=h -c boundary=arn:b -c qualifier=previews ');
  });
});

test('a preview says whose it is by the id that the scripts look for', () => {
  expect(new Preview({ repoId: '42' }).stackTags).toMatchObject({ preview: 'true', 'repo-id': '42' });
  expect(defaultPreview.stackTags).not.toHaveProperty('repo-id');
});

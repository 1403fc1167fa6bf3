import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { buildCommand } from '../lib/functions.ts';
import { REPOSITORY_ROOT } from '../lib/paths.ts';
import { withTemporaryDirectory } from '../lib/temporary-directory.ts';

const GITHUB = join(REPOSITORY_ROOT, '.github');
const sources = readdirSync(GITHUB, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.yml'))
  .map((path) => [path, readFileSync(join(GITHUB, path), 'utf8')] as const);

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
    expect(preview).toContain(buildCommand('arm64').replace('--arm64', '--arm64 --output-format zip'));
  });

  test('give every context value that the preview has no good default for', () => {
    const [, preview = ''] = sources.find(([path]) => path === join('workflows', 'preview.yml')) ?? [];
    for (const key of ['pr', 'repo', 'sha', 'run', 'repositoryUrl', 'expires', 'headersPolicy']) {
      expect(preview).toContain(`-c "${key}=`);
    }
  });
});

describe('the summary of a report', () => {
  function summary(report: string): string {
    return withTemporaryDirectory((directory) => {
      const path = join(directory, 'check.json');
      writeFileSync(path, report);
      const script = join(GITHUB, 'scripts', 'summary.mjs');
      const { status, stdout, stderr } = spawnSync(process.execPath, [script, path], { encoding: 'utf8' });
      expect(status, stderr).toBe(0);
      return stdout;
    });
  }

  const check = { asserts: 'a', settledAt: 't', evidence: {} };
  const REPORT = {
    schema: 'verifier.check/1',
    verdict: 'fail',
    runId: 'vrf-1-2',
    wallSeconds: 182.4,
    counts: { pass: 1, info: 0, warn: 0, fail: 1, inconclusive: 0, notExercised: 1 },
    checks: [
      { ...check, id: 'stack.ready', verdict: 'pass', summary: 'CREATE_COMPLETE,\n7 outputs' },
      { ...check, id: 'job.success', verdict: 'fail', summary: 's', expected: '2', actual: '1', next: 'look' },
      { ...check, id: 'dlq.arrival', verdict: 'not-exercised', summary: 'no poison job' },
    ],
    awsCalls: { ReceiveMessage: 3, DeleteMessage: 1 },
    leftBehind: ['a message'],
  };

  test('has the verdict, a line for each check, and what to do about those that failed', () => {
    expect(summary(JSON.stringify(REPORT)).split('\n')).toEqual([
      '**fail** – 1 passed, 1 failed, 1 not exercised',
      '',
      '| | check | |',
      '|---|---|---|',
      '| ✓ | stack.ready | CREATE&#95;COMPLETE, 7 outputs |',
      '| ✗ | job.success | s |',
      '| – | dlq.arrival | no poison job |',
      '',
      '- job.success: expected 2, found 1. Next: look',
      '',
      'Left behind:',
      '- a message',
      '',
      'Run vrf-1-2, 182 s, 4 AWS calls.',
      '',
    ]);
  });

  test('takes nothing of the stack for markup, and nothing for a mention', () => {
    const hostile = '<img src=x> @octocat | `x` *b* [y](https://z) \\ ' + 'é'.repeat(400);
    const checks = [{ ...check, id: 'api.hello', verdict: 'fail', summary: hostile, expected: hostile, actual: hostile, next: hostile }];
    const text = summary(JSON.stringify({ ...REPORT, checks, leftBehind: [hostile], error: { message: hostile } }));
    const quoted = text.split('\n').filter((line) => line.includes('img'));
    expect(quoted).toHaveLength(4);
    for (const line of quoted) {
      expect(line.replace(/^\| ✗ \|/, '').replaceAll(/ \| |^\||\|$/g, '')).not.toMatch(/[<>@`*[\]\\|_]/);
      expect(line.length).toBeLessThan(2000);
    }
  });

  test.each(['', '{}', '{"schema":"verifier.check/2"}', 'not JSON'])('says that there is none: %j', (report) => {
    expect(summary(report)).toMatch(/^\*\*no verdict\*\*/);
  });
});

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { buildCommand } from '../lib/functions.ts';
import { REPOSITORY_ROOT } from '../lib/paths.ts';

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
    expect(preview).toContain(`run: ${buildCommand('arm64')}\n`);
  });

  test('give every context value that the preview has no good default for', () => {
    const [, preview = ''] = sources.find(([path]) => path === join('workflows', 'preview.yml')) ?? [];
    for (const key of ['pr', 'repo', 'sha', 'run', 'repositoryUrl', 'expires', 'headersPolicy']) {
      expect(preview).toContain(`-c "${key}=`);
    }
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

test('the nightly experiments are those whose faults a deployed stack can have', () => {
  const folder = join(REPOSITORY_ROOT, 'verifier', 'cli', 'experiments');
  const experiments = readdirSync(folder).map((file) => [file, readFileSync(join(folder, file), 'utf8')] as const);
  const deployable = experiments.filter(([, text]) => !/^faults:/m.test(text)).map(([file]) => file.replace('.yaml', ''));
  const [, chaos = ''] = sources.find(([path]) => path === join('workflows', 'chaos.yml')) ?? [];
  const [, nightly = '[]'] = /experiments='(\[.*\])'/.exec(chaos) ?? [];
  expect(deployable.length).toBeGreaterThan(0);
  expect(JSON.parse(nightly)).toEqual(deployable.sort());
});

// Writes a report of `verifier check --format json` as Markdown on stdout, for a job's summary and for a comment.
//
// usage: node summary.mjs REPORT

import { readFileSync } from 'node:fs';

const SCHEMA = 'verifier.check/1';
const LONGEST_CELL = 300;

const SYMBOLS = { pass: '✓', info: 'i', warn: '!', fail: '✗', inconclusive: '?', 'not-exercised': '–' };
const COUNTED = {
  pass: 'passed',
  info: 'for information',
  warn: 'warned',
  fail: 'failed',
  inconclusive: 'inconclusive',
  notExercised: 'not exercised',
};

/** What the verifier quotes comes from the stack: it must not become markup, mention anybody, or break its line. */
function cell(value) {
  const line = String(value).replaceAll(/\s+/g, ' ');
  const short = line.length > LONGEST_CELL ? `${line.slice(0, LONGEST_CELL - 1)}…` : line;
  return short.replaceAll(/[^\p{L}\p{N} .,:;/()=%+×≥…✓–→'"?-]/gu, (mark) => `&#${mark.codePointAt(0)};`);
}

function* lines(report) {
  const counts = Object.entries(COUNTED).filter(([key]) => report.counts[key] > 0);
  yield `**${cell(report.verdict)}** – ${counts.map(([key, word]) => `${report.counts[key]} ${word}`).join(', ')}`;
  yield '';
  yield '| | check | |';
  yield '|---|---|---|';
  for (const { verdict, id, summary } of report.checks) {
    yield `| ${SYMBOLS[verdict] ?? cell(verdict)} | ${cell(id)} | ${cell(summary)} |`;
  }
  for (const { verdict, id, expected, actual, next } of report.checks) {
    if (verdict === 'fail' || verdict === 'inconclusive') {
      yield '';
      yield `- ${cell(id)}: expected ${cell(expected ?? '–')}, found ${cell(actual ?? '–')}. Next: ${cell(next ?? '–')}`;
    }
  }
  if (report.error) {
    yield '';
    yield `It could not be judged: ${cell(report.error.message)}. ${cell(report.error.next ?? '')}`;
  }
  if (report.leftBehind.length > 0) {
    yield '';
    yield 'Left behind:';
    yield* report.leftBehind.map((item) => `- ${cell(item)}`);
  }
  const calls = Object.values(report.awsCalls).reduce((sum, count) => sum + count, 0);
  yield '';
  yield `Run ${cell(report.runId)}, ${Math.round(report.wallSeconds)} s, ${calls} AWS calls.`;
}

/** The report in a file; nothing where the verifier was stopped before it wrote one. */
function read(path) {
  try {
    const report = JSON.parse(readFileSync(path, 'utf8'));
    return report.schema === SCHEMA ? report : undefined;
  } catch {
    return undefined;
  }
}

const [path] = process.argv.slice(2);
if (path === undefined) {
  console.error('usage: node summary.mjs REPORT');
  process.exit(2);
}
const report = read(path);
console.log(
  report
    ? [...lines(report)].join('\n')
    : '**no verdict** – the verifier wrote no report; the log of its step says why.',
);

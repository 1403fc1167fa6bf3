import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Runs `action` with a new directory, which is gone afterwards: a synthesised app with its assets is 22 MB large. */
export function withTemporaryDirectory<Result>(action: (directory: string) => Result): Result {
  const directory = mkdtempSync(join(tmpdir(), 'preview-stack-'));
  try {
    return action(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

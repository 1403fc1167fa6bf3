import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { CHECKED_IN } from '../lib/template.ts';

for (const { path, synthesise } of CHECKED_IN) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, synthesise());
}

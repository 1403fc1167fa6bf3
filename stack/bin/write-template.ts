import { writeFileSync } from 'node:fs';
import { CHECKED_IN_TEMPLATE, synthesisedTemplate } from '../lib/template.ts';

writeFileSync(CHECKED_IN_TEMPLATE, synthesisedTemplate());
